package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	cfg, err := Load(complete("SYNC_ENTITIES=jobs, customers", "SYNC_PAUSE_LIMIT=1h"), ServeRole)
	require.NoError(t, err)
	require.Equal(t, []string{"jobs", "customers"}, cfg.Tenants[0].Entities)
	require.Equal(t, "1h0m0s", cfg.Sync.PauseLimit.String())
	require.Equal(t, "24h0m0s", cfg.Sync.RunDeadline.String())
	require.Equal(t, Value{"1h", "environment"}, cfg.Value("SYNC_PAUSE_LIMIT"))
	require.Equal(t, Value{"sync-tasks", "default"}, cfg.Value("TEMPORAL_TASK_QUEUE"))
}

func TestLoadReportsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load([]string{
		"NATS_URL=localhost:4222",
		"SYNC_ENTITES=customers",
		"SYNC_RUN_DEADLINE=30",
		"SERVICETITAN_TENANT_ID=acme",
		"SERVICETITAN_REQUESTS_PER_SECOND=600",
		"SERVICETITAN_WEBHOOK_SECRET=too-short-a-key",
		"LOG_FORMAT=xml",
		"HOME=/root",
	}, WorkerRole)
	var problems Problems
	require.ErrorAs(t, err, &problems)
	require.Equal(t, Problems{
		`SYNC_ENTITES: unknown variable; did you mean SYNC_ENTITIES?`,
		`NATS_URL: got "localhost:4222", want an address that begins nats:// or tls:// or ws:// or wss://`,
		`DATABASE_URL: not set, want PostgreSQL 15 or newer: postgres://user:password@host:5432/database`,
		`SERVICETITAN_TENANT_ID: got "acme", want the tenant's number, digits only`,
		`SERVICETITAN_CLIENT_ID: not set, want client id of the app in this tenant`,
		`SERVICETITAN_CLIENT_SECRET: not set, want client secret`,
		`SERVICETITAN_APP_KEY: not set, want key of the app, sent as ST-App-Key`,
		`SERVICETITAN_REQUESTS_PER_SECOND: got "600", want a number above 0 and at most 60, ServiceTitan's limit`,
		`SERVICETITAN_WEBHOOK_SECRET: got "***", want one or two keys of at least 32 characters, separated by a comma`,
		`SYNC_RUN_DEADLINE: got "30", want a duration with a unit, as 90s, 30m or 24h`,
		`LOG_FORMAT: got "xml", want json or console`,
	}, problems)
}

func TestLoadNeedsOnlyWhatTheRoleUses(t *testing.T) {
	t.Parallel()
	_, err := Load(nil, NotifierRole)
	require.NoError(t, err)
	_, err = Load(nil, BridgeRole)
	require.ErrorContains(t, err, "DATABASE_URL: not set")
	require.NotContains(t, err.Error(), "SERVICETITAN_APP_KEY")
}

func TestLoadSecretFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app-key")
	require.NoError(t, os.WriteFile(path, []byte("from-a-file\n"), 0o600))
	environ := complete("SERVICETITAN_APP_KEY_FILE=" + path)
	_, err := Load(environ, WorkerRole)
	require.ErrorContains(t, err, "SERVICETITAN_APP_KEY and SERVICETITAN_APP_KEY_FILE are both set: want one of them")

	environ[4] = "SERVICETITAN_APP_KEY="
	cfg, err := Load(environ, WorkerRole)
	require.NoError(t, err)
	require.Equal(t, "from-a-file", string(cfg.Tenants[0].AppKey))
	require.Equal(t, Value{"***", "file " + path}, cfg.Value("SERVICETITAN_APP_KEY"))

	_, err = Load(complete("API_TOKENS_FILE=/does/not/exist"), ServeRole)
	require.ErrorContains(t, err, `API_TOKENS_FILE: got "/does/not/exist", which cannot be read`)
}

func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	secrets := []string{"db-password", "client-secret-value", "app-key-value", "hooks.slack.example/T0/B0/XXXX", strings.Repeat("k", 40), strings.Repeat("t", 40)}
	cfg, err := Load(complete(
		"SLACK_WEBHOOK_URL=https://"+secrets[3],
		"SERVICETITAN_WEBHOOK_SECRET="+secrets[4],
		"API_TOKENS=ops="+secrets[5],
		"NATS_URL=nats://lazi:nats-password@one:4222,nats://lazi:nats-password@two:4222",
	), ServeRole)
	require.NoError(t, err)
	require.Equal(t, "nats://***@one:4222,nats://***@two:4222", cfg.Value("NATS_URL").Text)
	_, err = Load(complete("NATS_URL=http://lazi:nats-password@one:4222"), ServeRole)
	require.ErrorContains(t, err, `NATS_URL: got "http://***@one:4222"`)
	var out bytes.Buffer
	require.NoError(t, PrintConfig(cfg, false, &out))
	require.NoError(t, PrintConfig(cfg, true, &out))
	log := NewLogger(cfg, &out)
	log.Info().Interface("config", cfg).Msg("all of it")
	for _, s := range secrets {
		require.NotContains(t, out.String(), s)
	}
	require.Contains(t, out.String(), "SERVICETITAN_APP_KEY")
}

func TestEveryVariableHasADefaultThatFits(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, v := range Variables {
		require.NotEmpty(t, v.Doc, v.Name)
		require.False(t, seen[v.Name], "%s is listed twice", v.Name)
		seen[v.Name] = true
		if v.Default != "" {
			require.NoError(t, v.read(&Config{}, v.Default), v.Name)
		}
	}
}

func TestLoadSlack(t *testing.T) {
	t.Parallel()
	const url = "https://temporal.example.com/namespaces/default/workflows/{workflowId}/{runId}/history"
	cfg, err := Load([]string{"SLACK_FOLD_WINDOW=off", "SLACK_RUN_URL=" + url}, NotifierRole)
	require.NoError(t, err)
	require.Zero(t, cfg.Slack.FoldWindow)
	require.Equal(t, url, cfg.Slack.RunURL)
	cfg, err = Load(nil, NotifierRole)
	require.NoError(t, err)
	require.Equal(t, "1h0m0s", cfg.Slack.FoldWindow.String())
	for _, wrong := range []string{"https://temporal.example.com/", "temporal/{runId}", "https://temporal.example.com/{run}", "https://temporal.example.com/{runId}|x"} {
		_, err = Load([]string{"SLACK_FOLD_WINDOW=30", "SLACK_RUN_URL=" + wrong}, NotifierRole)
		require.Equal(t, Problems{
			`SLACK_FOLD_WINDOW: got "30", want a duration with a unit, as 30m or 1h, or off`,
			`SLACK_RUN_URL: got "` + wrong + `", want an https address with {workflowId}, {runId} or {runNumber} in it`,
		}, err)
	}
}

func TestLoadNATS(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nats-url")
	require.NoError(t, os.WriteFile(path, []byte("tls://bridge:pass-word@nats:4222\n"), 0o600))
	cfg, err := Load([]string{"NATS_URL_FILE=" + path, "NATS_INBOX_PREFIX=_INBOX_bridge"}, NotifierRole)
	require.NoError(t, err)
	require.Equal(t, "tls://bridge:pass-word@nats:4222", cfg.NATS.URL)
	require.Equal(t, Value{"tls://***@nats:4222", "file " + path}, cfg.Value("NATS_URL"))
	require.Equal(t, "_INBOX_bridge", cfg.NATS.InboxPrefix)

	_, err = Load([]string{"NATS_INBOX_PREFIX=_INBOX.>", "NATS_TLS_CERT=" + path, "TEMPORAL_TLS_KEY=" + path}, NotifierRole)
	require.Equal(t, Problems{
		`NATS_INBOX_PREFIX: got "_INBOX.>", want a NATS subject without wildcards, as _INBOX_worker`,
		`NATS_TLS_CERT and NATS_TLS_KEY: got one of them, want both or none`,
		`TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY: got one of them, want both or none`,
	}, err)
}

// However wrong an address is, its password does not show.
func TestPasswordsInAddressesNeverShow(t *testing.T) {
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
			_, err := Load([]string{name + "=" + wrong}, ToolRole)
			require.Error(t, err, name)
			require.NotContains(t, err.Error(), "sEc")
		}
	}
}

func TestEverySecretMayLieInAFile(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"NATS_URL": "nats://u:p@h:1", "DATABASE_URL": "postgres://u:p@h/d", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/x",
		"SLACK_WEBHOOK_URLS": "#ops=https://hooks.slack.com/x", "API_TOKENS": "ops=" + strings.Repeat("t", 32),
	}
	for _, v := range Variables {
		if !v.FromFile() {
			continue
		}
		value, ok := values[v.Name]
		if !ok {
			value = strings.Repeat("s", 40)
		}
		path := filepath.Join(t.TempDir(), v.Name)
		require.NoError(t, os.WriteFile(path, []byte(value+"\n"), 0o600))
		cfg, err := Load([]string{v.Name + "_FILE=" + path}, ToolRole)
		require.NoError(t, err, v.Name)
		require.Equal(t, "file "+path, cfg.Value(v.Name).From)
		require.NotContains(t, cfg.Value(v.Name).Text, "u:p")
	}
}
