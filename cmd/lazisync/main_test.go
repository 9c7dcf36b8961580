package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lazisync runs the program as a shell would.
func lazisync(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), args, environ, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestInvalidConfigurationExits2AndNamesEachProblem(t *testing.T) {
	t.Parallel()
	code, _, stderr := lazisync(t, []string{"SYNC_TIMEZON=UTC", "HTTP_ADDR=8080"}, "serve")
	require.Equal(t, 2, code)
	for _, want := range []string{
		"SYNC_TIMEZON: unknown variable; did you mean SYNC_TIMEZONE?",
		`HTTP_ADDR: got "8080", want host:port`,
		"DATABASE_URL: not set",
		"SERVICETITAN_APP_KEY: not set",
	} {
		require.Contains(t, stderr, want)
	}
}

// What shows only when a role starts is wrong configuration all the same.
func TestRoleWithUnusableConfigurationExits2(t *testing.T) {
	t.Parallel()
	noCertificate := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(noCertificate, []byte("nothing"), 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for variable, want := range map[string]string{
		"NATS_TLS_CA=" + noCertificate:        `NATS_TLS_CA: got "` + noCertificate + `", want the path of a file with certificates in PEM form: it holds no certificate`,
		"ADMIN_ADDR=" + taken.Addr().String(): "ADMIN_ADDR: listen tcp " + taken.Addr().String(),
	} {
		code, _, stderr := lazisync(t, []string{"NATS_URL=nats://127.0.0.1:1", variable}, "notifier")
		require.Equal(t, 2, code, stderr)
		require.Contains(t, stderr, want)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := lazisync(t, nil, "--version")
	require.Zero(t, code, stderr)
	require.Regexp(t, `^lazisync \S+ \(go1\.\d+\S*, \w+/\w+\)\n$`, stdout)
}

func TestHelpNamesEveryCommand(t *testing.T) {
	t.Parallel()
	code, stdout, _ := lazisync(t, nil, "--help")
	require.Zero(t, code)
	for _, command := range []string{
		"serve", "bridge", "worker", "notifier", "gateway", "migrate", "request", "pause", "resume", "cancel",
		"status", "runs", "doctor", "deadletter", "erase", "config", "entities", "healthcheck",
	} {
		require.Contains(t, stdout, "  "+command)
	}
}

func TestConfigPrintsValuesAndSources(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := lazisync(t, []string{"NATS_URL=nats://nats.internal:4222", "DATABASE_URL=postgres://a:hidden@db/lazi"}, "config")
	require.Zero(t, code, stderr)
	require.Regexp(t, `NATS_URL +nats://nats.internal:4222 +environment`, stdout)
	require.Regexp(t, `DATABASE_URL +\*\*\* +environment`, stdout)
	require.NotContains(t, stdout, "hidden")
}

func TestEntitiesAsJSON(t *testing.T) {
	t.Parallel()
	code, stdout, _ := lazisync(t, nil, "entities", "--json")
	require.Zero(t, code)
	var all []struct{ Name, Scope string }
	require.NoError(t, json.Unmarshal([]byte(stdout), &all))
	require.Equal(t, "customers", all[0].Name)
	require.Equal(t, "tn.crm.customers:r", all[0].Scope)
}

func TestRequestReportsUnavailableNATS(t *testing.T) {
	t.Parallel()
	code, _, stderr := lazisync(t, []string{"NATS_URL=nats://127.0.0.1:1"}, "request", "full")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "nats://127.0.0.1:1")
	require.Contains(t, stderr, "not connected to NATS")
}
