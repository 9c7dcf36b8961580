//go:build containers && linux

package deploytest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/ports"
)

func jsonText(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

// demoOnFreePorts is the demo's env file with ports that are free.
func demoOnFreePorts(t *testing.T) (file string, variables map[string]string) {
	t.Helper()
	free, err := ports.Free(4)
	require.NoError(t, err)
	text := read(t, "deploy", "demo.env")
	for i, name := range []string{"GATEWAY_PORT", "NATS_PORT", "POSTGRES_PORT", "TEMPORAL_PORT"} {
		text += fmt.Sprintf("\n%s=%d", name, free[i])
	}
	file = envFile(t, text+"\n")
	variables, err = dotenv.Read(file)
	require.NoError(t, err)
	return file, variables
}

var inOrder = []string{
	"nats", "postgres", "temporal-schema", "temporal", "temporal-namespace", "migrate", "simulator", "bridge", "worker", "notifier", "gateway",
}

// The services of docker-compose.yml sync the simulated tenant in containers, and continue after
// each role was killed and after all of them were removed and started again on their volumes. Then
// the pods of the Kubernetes manifests take the place of the roles.
func TestContainersOfComposeAndPodsOfKubernetesSync(t *testing.T) {
	t.Parallel() // it waits more than it computes
	file, variables := demoOnFreePorts(t)
	e := startEngine(t, load(t, file, "demo", "cli"))
	for _, name := range inOrder {
		e.up(name)
	}
	for _, name := range []string{"bridge", "worker", "notifier", "gateway", "simulator"} {
		e.requireUnprivileged(name)
	}
	e.command("request", "full", "--wait")
	requireRows(t, variables)
	requireConnections(t, e, variables)
	for _, role := range []string{"bridge", "worker", "notifier", "gateway"} {
		e.run("exec", role, "lazisync", "doctor", "--role", role)
	}
	require.Contains(t, e.command("deadletter", "ls"), "No dead letter matches")
	e.webhook(variables)

	for _, role := range []string{"bridge", "worker", "notifier", "gateway"} {
		e.kill(role)
	}
	for _, role := range []string{"bridge", "worker", "notifier", "gateway"} {
		e.healthy(role)
	}
	e.command("request", "incremental", "--wait")

	e.run("rm", "--force", "--all", "--time=40")
	for _, name := range inOrder {
		e.up(name)
	}
	requireRows(t, variables)
	require.Contains(t, e.command("runs", "ls"), "full")
	e.command("request", "incremental", "--wait")

	e.requirePodsSync(t)
}

// requireUnprivileged fails unless a container runs as uid 65532 without capabilities on a
// root that it cannot write to.
func (e *engine) requireUnprivileged(name string) {
	e.t.Helper()
	proc := e.processOf(name)
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	require.NoError(e.t, err)
	require.Regexp(e.t, `(?m)^Uid:\s+65532\s+65532\s+65532\s+65532$`, string(status), name)
	require.Regexp(e.t, `(?m)^CapBnd:\s+0+$`, string(status), name)
	require.Regexp(e.t, `(?m)^NoNewPrivs:\s+1$`, string(status), name)
	mounts, err := os.ReadFile(filepath.Join(proc, "mountinfo"))
	require.NoError(e.t, err)
	require.Regexp(e.t, `(?m)^\d+ \d+ \S+ \S+ / ro,`, string(mounts), name)
}

// kill ends the process of a container as a crash does; its restart policy starts it again.
func (e *engine) kill(name string) {
	e.t.Helper()
	id := e.run("inspect", "--format={{.State.Pid}}", name)
	pid, err := strconv.Atoi(id)
	require.NoError(e.t, err)
	require.NoError(e.t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(e.t, func() bool {
		now, err := e.try("inspect", "--format={{.State.Pid}}", name)
		return err == nil && now != id && now != "0"
	}, containerWait, 500*time.Millisecond, "%s is not restarted", name)
}

func connect(t *testing.T, variables map[string]string, user, password, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://%s:%s@127.0.0.1:%s/%s", user, variables[password], variables["POSTGRES_PORT"], database))
	require.NoError(t, err)
	return conn
}

func requireRows(t *testing.T, variables map[string]string) {
	t.Helper()
	conn := connect(t, variables, "lazisync_reader", "POSTGRES_READER_PASSWORD", "lazisync")
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	for _, table := range []string{"st_customers", "st_jobs", "st_invoices", "st_estimates"} {
		var rows int
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from raw."+table).Scan(&rows))
		require.Positive(t, rows, table)
	}
}

// requireConnections fails if Temporal opens more connections than the sum of its pools.
func requireConnections(t *testing.T, e *engine, variables map[string]string) {
	t.Helper()
	conn := connect(t, variables, "postgres", "POSTGRES_PASSWORD", "postgres")
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	var temporal, limit int
	require.NoError(t, conn.QueryRow(t.Context(),
		"select count(*), current_setting('max_connections')::int from pg_stat_activity where usename = 'temporal'").Scan(&temporal, &limit))
	require.Equal(t, number(t, e.compose.setting(t, "max_connections")), limit)
	pools := e.service("temporal").Environment
	require.LessOrEqual(t, temporal, temporalServices*(number(t, *pools["SQL_MAX_CONNS"])+number(t, *pools["SQL_VIS_MAX_CONNS"])))
}

// webhook sends a signed webhook and waits for the run that it causes.
func (e *engine) webhook(variables map[string]string) {
	e.t.Helper()
	before := strings.Count(e.command("runs", "ls", "--mode", "incremental"), "incremental")
	body := []byte(`{"eventType":"job.updated","id":9}`)
	mac := hmac.New(sha256.New, []byte(variables["SERVICETITAN_WEBHOOK_SECRET"]))
	mac.Write(body)
	request, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost,
		"http://127.0.0.1:"+variables["GATEWAY_PORT"]+"/webhooks/servicetitan", bytes.NewReader(body))
	require.NoError(e.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Servicetitan-Signature", hex.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(request)
	require.NoError(e.t, err)
	require.NoError(e.t, response.Body.Close())
	require.Equal(e.t, http.StatusOK, response.StatusCode)
	require.Eventually(e.t, func() bool {
		return strings.Count(e.command("runs", "ls", "--mode", "incremental"), "completed") > before
	}, containerWait, time.Second)
}
