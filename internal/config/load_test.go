package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// complete is an environment in which every role starts.
func complete(more ...string) []string {
	return append([]string{
		"DATABASE_URL=postgres://lazi:db-password@127.0.0.1:5432/lazi",
		"SERVICETITAN_TENANT_ID=1039746210",
		"SERVICETITAN_CLIENT_ID=cid.x",
		"SERVICETITAN_CLIENT_SECRET=client-secret-value",
		"SERVICETITAN_APP_KEY=app-key-value",
	}, more...)
}

func TestLoadCompleteEnvironment(t *testing.T) {
	t.Parallel()
	cfg, err := Load(complete("SYNC_ENTITIES=jobs, customers", "SYNC_PAUSE_LIMIT=1h"), serve)
	require.NoError(t, err)
	require.Equal(t, []string{"jobs", "customers"}, cfg.Tenants[0].Entities)
	require.Equal(t, "1h0m0s", cfg.Sync.PauseLimit.String())
	require.Equal(t, "24h0m0s", cfg.Sync.RunDeadline.String())
	require.Equal(t, Value{"1h", "environment"}, cfg.Value("SYNC_PAUSE_LIMIT"))
	require.Equal(t, Value{"sync-tasks", "default"}, cfg.Value("TEMPORAL_TASK_QUEUE"))
}

func TestLoadNeedsOnlyWhatTheRoleUses(t *testing.T) {
	t.Parallel()
	_, err := Load(nil, tool)
	require.NoError(t, err)
	_, err = Load(nil, bridge)
	require.ErrorContains(t, err, "DATABASE_URL: not set")
	require.NotContains(t, err.Error(), "SERVICETITAN_APP_KEY")
}

func TestLoadSecretFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app-key")
	require.NoError(t, os.WriteFile(path, []byte("from-a-file\n"), 0o600))
	cfg, err := Load(complete("SERVICETITAN_APP_KEY=", "SERVICETITAN_APP_KEY_FILE="+path), worker)
	require.NoError(t, err)
	require.Equal(t, "from-a-file", string(cfg.Tenants[0].AppKey))
	require.Equal(t, Value{"***", "file " + path}, cfg.Value("SERVICETITAN_APP_KEY"))
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	secrets := []string{"db-password", "client-secret-value", "app-key-value", "hooks.slack.example/T0/B0/XXXX", strings.Repeat("k", 40), strings.Repeat("t", 40)}
	cfg, err := Load(complete(
		"SLACK_WEBHOOK_URL=https://"+secrets[3],
		"SERVICETITAN_WEBHOOK_SECRET="+secrets[4],
		"API_TOKENS=ops="+secrets[5],
		"NATS_URL=nats://lazi:nats-password@one:4222,nats://lazi:nats-password@two:4222",
	), serve)
	require.NoError(t, err)
	require.Equal(t, "nats://***@one:4222,nats://***@two:4222", cfg.Value("NATS_URL").Text)
	var out bytes.Buffer
	for _, v := range Variables {
		out.WriteString(v.Name + cfg.Value(v.Name).Text)
	}
	require.NoError(t, json.NewEncoder(&out).Encode(cfg))
	log := zerolog.New(&out)
	log.Info().Interface("config", cfg).Msg("all of it")
	fmt.Fprintf(&out, "%v %+v %#v", *cfg, *cfg, cfg)
	for _, s := range secrets {
		require.NotContains(t, out.String(), s)
	}
	require.Contains(t, out.String(), "SERVICETITAN_APP_KEY")
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, v := range Variables {
		require.NotEmpty(t, v.Doc, v.Name)
		require.False(t, seen[v.Name], "%s is listed twice", v.Name)
		seen[v.Name] = true
		if v.Default != "" {
			require.NoError(t, v.parse(&Config{}, v.Default), v.Name)
		}
	}
}

func TestLoadSlack(t *testing.T) {
	t.Parallel()
	const url = "https://temporal.example.com/namespaces/default/workflows/{workflowId}/{runId}/history"
	cfg, err := Load([]string{"SLACK_FOLD_WINDOW=off", "SLACK_RUN_URL=" + url}, tool)
	require.NoError(t, err)
	require.Zero(t, cfg.Slack.FoldWindow)
	require.Equal(t, url, cfg.Slack.RunURL)
	cfg, err = Load(nil, tool)
	require.NoError(t, err)
	require.Equal(t, "1h0m0s", cfg.Slack.FoldWindow.String())
}

func TestLoadNATS(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nats-url")
	require.NoError(t, os.WriteFile(path, []byte("tls://bridge:pass-word@nats:4222\n"), 0o600))
	cfg, err := Load([]string{"NATS_URL_FILE=" + path, "NATS_INBOX_PREFIX=_INBOX_bridge"}, tool)
	require.NoError(t, err)
	require.Equal(t, "tls://bridge:pass-word@nats:4222", cfg.NATS.URL)
	require.Equal(t, Value{"tls://***@nats:4222", "file " + path}, cfg.Value("NATS_URL"))
	require.Equal(t, "_INBOX_bridge", cfg.NATS.InboxPrefix)
}

// Errors about malformed addresses do not contain the password, either.
func TestPasswordsInAddressesAreMasked(t *testing.T) {
	t.Parallel()
	for given, shown := range map[string]string{
		"nats://u:sEcReT@one:4222":                       "nats://***@one:4222",
		"nats://u:sEcReT@one:4222,nats://u:sEcReT@two:1": "nats://***@one:4222,nats://***@two:1",
		"nats://u:sEc/ReT@one:4222":                      "nats://***@one:4222",
		"nats://u:sEc@ReT@one:4222":                      "nats://***@one:4222",
		"nats://u:sEcReT,sEcReT@one:4222":                "***@one:4222",
		"u:sEcReT@one:4222":                              "***@one:4222",
		"nats://one:4222":                                "nats://one:4222",
		"http://u:sEcReT@one:4222/path?password=x@y":     "http://***@y",
	} {
		require.Equal(t, shown, withoutPasswords(given))
	}
	for _, name := range []string{"NATS_URL", "SERVICETITAN_API_URL", "SERVICETITAN_AUTH_URL", "DATABASE_URL", "SLACK_WEBHOOK_URL", "SLACK_WEBHOOK_URLS"} {
		for _, wrong := range []string{"u:sEcReT@one:4222", "ftp://u:sEc/ReT@one", "://sEcReT@", "%zz://u:sEcReT@one"} {
			_, err := Load([]string{name + "=" + wrong}, tool)
			require.Error(t, err, name)
			require.NotContains(t, err.Error(), "sEc")
		}
	}
}

func TestEverySecretCanBeReadFromAFile(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"NATS_URL": "nats://u:p@h:1", "DATABASE_URL": "postgres://u:p@h/d", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/x",
		"SLACK_WEBHOOK_URLS": "#ops=https://hooks.slack.com/x", "API_TOKENS": "ops=" + strings.Repeat("t", 32),
		"SLACK_BOT_TOKEN": botToken, "NOTIFY_URLS": "oncall=pagerduty://key", "SYNC_FIELDS": "customers.name=drop",
		"NOTIFY_WEBHOOK_URL": "https://example.com/x", "NOTIFY_WEBHOOK_SECRET": signingKey,
		"OTEL_EXPORTER_OTLP_HEADERS": "api-key=u:p",
	}
	for _, v := range Variables {
		if !v.AllowsFile() {
			continue
		}
		value, ok := values[v.Name]
		if !ok {
			value = strings.Repeat("s", 40)
		}
		path := filepath.Join(t.TempDir(), v.Name)
		require.NoError(t, os.WriteFile(path, []byte(value+"\n"), 0o600))
		cfg, err := Load([]string{v.Name + "_FILE=" + path}, tool)
		require.NoError(t, err, v.Name)
		require.Equal(t, "file "+path, cfg.Value(v.Name).From)
		require.NotContains(t, cfg.Value(v.Name).Text, "u:p")
	}
}

func TestProblemsAreCounted(t *testing.T) {
	t.Parallel()
	require.Equal(t, "1 problem with the configuration:\n  a", Problems{"a"}.Error())
	require.Equal(t, "2 problems with the configuration:\n  a\n  b", Problems{"a", "b"}.Error())
}

func TestGatewayWithoutTokensListensOnALoopbackAddressOnly(t *testing.T) {
	t.Parallel()
	tokens := []APIToken{{Name: "a", Role: "operator", Secret: "b"}}
	for _, addr := range []string{"127.0.0.1:8080", "localhost:0", "[::1]:8080", "127.9.9.9:1"} {
		require.NoError(t, HTTPConfig{Addr: addr}.Validate(), addr)
	}
	for _, addr := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "192.168.0.1:80", "example.com:80", "8080", ""} {
		require.ErrorContains(t, HTTPConfig{Addr: addr}.Validate(), "want a loopback address such as 127.0.0.1:8080, or API_TOKENS", addr)
		require.NoError(t, HTTPConfig{Addr: addr, Tokens: tokens}.Validate(), addr)
	}
}
