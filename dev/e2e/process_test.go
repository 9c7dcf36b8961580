package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a running lazisync.
type process struct {
	cmd     *exec.Cmd
	log     *logBook
	ended   chan struct{}
	err     error  // how it ended
	gateway string // URL, "" where the role has none
}

// start runs a role and returns when it is ready.
func (w *world) start(t *testing.T, role string, set ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program(t), role), log: &logBook{}, ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = w.environ(set...), p.log, p.log
	p.cmd.SysProcAttr = dieWithParent()
	require.NoError(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill(t)
		if t.Failed() {
			t.Logf("log of lazisync %s:\n%s", role, p.log.tail(80))
		}
	})
	started := p.started(t)
	if started.Gateway != "" {
		p.gateway = "http://" + started.Gateway
	}
	require.Eventually(t, func() bool { return answers(t.Context(), "http://"+started.Admin+"/readyz") }, patience, tick,
		"lazisync %s is not ready", role)
	return p
}

// addresses are where a process says that it listens.
type addresses struct{ Message, Admin, Gateway string }

func (p *process) started(t *testing.T) (a addresses) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, line := range p.log.lines() {
			if json.Unmarshal([]byte(line), &a) == nil && a.Message == "started" {
				return true
			}
		}
		return p.hasEnded()
	}, patience, tick)
	require.False(t, p.hasEnded(), "lazisync ended: %s", p.log.tail(20))
	return a
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as a crash does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if !p.hasEnded() {
		_ = p.cmd.Process.Kill() // it may have ended meanwhile
		<-p.ended
	}
}

// stop asks the process to end and returns how long that took.
func (p *process) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.Fail(t, "lazisync does not stop")
	}
	require.NoError(t, p.err)
	return time.Since(began)
}

// run runs a command of lazisync to its end.
func (w *world) run(t *testing.T, args ...string) result { return w.begin(t, args...).wait(t) }

// runWith is run with some variables set otherwise.
func (w *world) runWith(t *testing.T, set []string, args ...string) result {
	t.Helper()
	return w.beginWith(t, set, args...).wait(t)
}

// command is a command of lazisync under way.
type command struct {
	cmd    *exec.Cmd
	out    *logBook
	errors bytes.Buffer
	ended  chan struct{}
}

// result is how a command ended.
type result struct {
	code        int
	out, errors string
}

// begin starts a command of lazisync.
func (w *world) begin(t *testing.T, args ...string) *command {
	t.Helper()
	return w.beginWith(t, nil, args...)
}

func (w *world) beginWith(t *testing.T, set []string, args ...string) *command {
	t.Helper()
	c := &command{cmd: exec.Command(program(t), args...), out: &logBook{}, ended: make(chan struct{})}
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = w.environ(set...), c.out, &c.errors
	c.cmd.SysProcAttr = dieWithParent()
	require.NoError(t, c.cmd.Start())
	go func() {
		_ = c.cmd.Wait() // its exit code is the result
		close(c.ended)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.ended
	})
	return c
}

func (c *command) wait(t *testing.T) result {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		require.Fail(t, "the command does not end", "%v printed:\n%s", c.cmd.Args[1:], c.out.tail(20))
	}
	return result{c.cmd.ProcessState.ExitCode(), c.out.String(), c.errors.String()}
}

// logBook keeps what a process writes.
type logBook struct {
	mu   sync.Mutex
	text []byte
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func (l *logBook) lines() []string { return strings.Split(strings.TrimSpace(l.String()), "\n") }

func (l *logBook) tail(n int) string {
	lines := l.lines()
	if len(lines) > n {
		lines = append([]string{fmt.Sprintf("… %d lines before", len(lines)-n)}, lines[len(lines)-n:]...)
	}
	return strings.Join(lines, "\n")
}
