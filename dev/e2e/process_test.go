package e2e

import (
	"bytes"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	processes "github.com/lazi/lazisync/dev/process"
)

// process is a running lazisync process.
type process struct {
	*processes.Process
	log     *processes.Log
	gateway string // URL, "" for roles without one
	admin   string // URL
}

// start runs a role and returns when it is ready.
func (w *fixture) start(t *testing.T, role string, set ...string) *process {
	t.Helper()
	cmd := exec.Command(program(t), role)
	cmd.Env = w.environ(set...)
	running, err := processes.Start(cmd)
	require.NoError(t, err)
	p := &process{Process: running, log: running.Log}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of lazisync %s:\n%s", role, p.log.Tail(80))
		}
	})
	at, err := p.AwaitListening(waitLimit)
	require.NoError(t, err)
	p.gateway, p.admin = at.Gateway, at.Admin
	require.Eventually(t, func() bool { return processes.Answers(t.Context(), at.Admin+"/readyz") }, waitLimit, tick,
		"lazisync %s is not ready", role)
	return p
}

// kill kills the process with SIGKILL.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.Kill()
}

// stop terminates the process and returns how long it took.
func (p *process) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Ended():
	case <-time.After(waitLimit):
		require.Fail(t, "lazisync does not stop")
	}
	require.NoError(t, p.Err())
	return time.Since(began)
}

// run runs a command of lazisync to its end.
func (w *fixture) run(t *testing.T, args ...string) result { return w.begin(t, args...).wait(t) }

// runWith is run with some other variables.
func (w *fixture) runWith(t *testing.T, set []string, args ...string) result {
	t.Helper()
	return w.beginWith(t, set, args...).wait(t)
}

// command is a running command of lazisync.
type command struct {
	*processes.Process
	cmd    *exec.Cmd
	out    *processes.Log
	errors bytes.Buffer
}

// result is the result of a command.
type result struct {
	code        int
	out, errors string
}

// begin starts a command of lazisync.
func (w *fixture) begin(t *testing.T, args ...string) *command {
	t.Helper()
	return w.beginWith(t, nil, args...)
}

func (w *fixture) beginWith(t *testing.T, set []string, args ...string) *command {
	t.Helper()
	c := &command{cmd: exec.Command(program(t), args...)}
	c.cmd.Env, c.cmd.Stderr = w.environ(set...), &c.errors
	var err error
	c.Process, err = processes.Start(c.cmd)
	require.NoError(t, err)
	c.out = c.Log
	t.Cleanup(c.Kill)
	return c
}

func (c *command) wait(t *testing.T) result {
	t.Helper()
	select {
	case <-c.Ended():
	case <-time.After(waitLimit):
		require.Fail(t, "the command does not end", "%v printed:\n%s", c.cmd.Args[1:], c.out.Tail(20))
	}
	return result{c.cmd.ProcessState.ExitCode(), c.out.String(), c.errors.String()}
}
