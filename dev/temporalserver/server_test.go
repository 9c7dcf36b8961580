package temporalserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// childVariable names a database file. If it is set, the test binary runs a server with this
// file and waits to be killed.
const childVariable = "TEMPORALSERVER_TEST_CHILD"

func TestMain(m *testing.M) {
	if file := os.Getenv(childVariable); file != "" {
		if err := runChild(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runChild(file string) error {
	s, err := temporalserver.Start(context.Background(), temporalserver.Options{File: file, Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(s.Addr()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin) // until the test closes it
	return err
}

// startChild runs a server in another process until the returned function kills it.
func startChild(t *testing.T, file string) (addr string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+file)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = stdin.Close()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(t, err, "the child prints its address")
	require.NoError(t, json.Unmarshal(line, &addr))
	return addr, kill
}

func start(t *testing.T, o temporalserver.Options) *temporalserver.Server {
	t.Helper()
	o.Log = zerolog.Nop()
	began := time.Now()
	s, err := temporalserver.Start(t.Context(), o)
	require.NoError(t, err)
	t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
	return s
}

func stop(t *testing.T, s *temporalserver.Server) {
	t.Helper()
	began := time.Now()
	require.NoError(t, s.Stop())
	require.Less(t, time.Since(began), 40*time.Second, "it does not wait for the end of open polls, up to a minute")
	t.Logf("stopped after %v", time.Since(began).Round(time.Millisecond))
	_, err := net.Dial("tcp", s.Addr())
	require.Error(t, err, "the server has stopped listening")
}

func dial(t *testing.T, addr string) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: addr, Namespace: temporalserver.Namespace})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// await is a workflow that waits for the signal "word" and returns its value.
func await(ctx workflow.Context) (word string, err error) {
	workflow.GetSignalChannel(ctx, "word").Receive(ctx, &word)
	return word, nil
}

const taskQueue, workflowID = "test", "await"

func runWorker(t *testing.T, c client.Client) (stop func()) {
	t.Helper()
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(await, workflow.RegisterOptions{Name: "await"})
	require.NoError(t, w.Start())
	return w.Stop
}

func startWorkflow(t *testing.T, c client.Client) {
	t.Helper()
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflowID, TaskQueue: taskQueue}, "await")
	require.NoError(t, err)
}

func finishWorkflow(t *testing.T, c client.Client) {
	t.Helper()
	require.NoError(t, c.SignalWorkflow(t.Context(), workflowID, "", "word", "hello"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var word string
	require.NoError(t, c.GetWorkflow(ctx, workflowID, "").Get(ctx, &word))
	require.Equal(t, "hello", word)
}

func TestServerKeepsDataAcrossARestart(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]func(t *testing.T) temporalserver.Options{
		"SQLite": func(t *testing.T) temporalserver.Options {
			return temporalserver.Options{File: filepath.Join(t.TempDir(), "temporal", "temporal.db")}
		},
		"PostgreSQL": onPostgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			s := start(t, o)
			c := dial(t, s.Addr())
			described, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "default"})
			require.NoError(t, err)
			require.Equal(t, temporalserver.Retention, described.Config.WorkflowExecutionRetentionTtl.AsDuration())
			stopWorker := runWorker(t, c)
			startWorkflow(t, c)
			stopWorker()
			stop(t, s)

			s = start(t, o)
			c = dial(t, s.Addr())
			stopWorker = runWorker(t, c)
			finishWorkflow(t, c)
			stopWorker()
			stop(t, s)
		})
	}
}

func onPostgres(t *testing.T) temporalserver.Options {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Dir: t.TempDir(), Unsafe: true, StopWithParent: true, RemoveAfter: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	for _, name := range []string{temporalserver.Database, temporalserver.VisibilityDatabase} {
		_, err := conn.Exec(t.Context(), "create database "+name)
		require.NoError(t, err)
	}
	return temporalserver.Options{PostgresURL: server.URL("postgres")}
}

func TestServerRecoversAfterSIGKILL(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.db")
	addr, kill := startChild(t, file)
	startWorkflow(t, dial(t, addr))
	kill()

	s := start(t, temporalserver.Options{File: file})
	c := dial(t, s.Addr())
	stopWorker := runWorker(t, c)
	finishWorkflow(t, c)
	stopWorker()
	stop(t, s)
}

func TestStartReplacesAnUnfinishedFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.db")
	require.NoError(t, os.WriteFile(file, []byte("not a database"), 0o600))
	stop(t, start(t, temporalserver.Options{File: file}))
}

func TestStartFailsIfThePortIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = temporalserver.Start(t.Context(), temporalserver.Options{
		File: filepath.Join(t.TempDir(), "temporal.db"), Port: l.Addr().(*net.TCPAddr).Port, Log: zerolog.Nop(),
	})
	require.ErrorContains(t, err, "address already in use")
}
