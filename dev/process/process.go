package process

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running program. Kill or stop it before the test ends. On Linux it also ends
// with the test process.
type Process struct {
	Log *Log

	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// Start starts a program. Its output goes to its log, unless the command redirects it.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{Log: &Log{}, cmd: cmd, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.Log
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.Log
	}
	cmd.SysProcAttr = killWithParent()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Pid returns the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ended returns a channel that is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// HasEnded reports whether the program has ended.
func (p *Process) HasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Killed reports whether SIGKILL ended the program.
func (p *Process) Killed() bool {
	if !p.HasEnded() {
		return false
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Err waits for the end of the program and returns its error, nil for exit code 0.
func (p *Process) Err() error {
	<-p.ended
	return p.err
}

// Await waits until the log meets a condition. It returns an error with the end of the log
// if the program ends first or the timeout expires.
func (p *Process) Await(timeout time.Duration, condition func(*Log) bool) error {
	expired := time.After(timeout)
	for !condition(p.Log) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.ended:
			return fmt.Errorf("%s ended: %s", strings.Join(p.cmd.Args, " "), p.Log.Tail(20))
		case <-expired:
			return fmt.Errorf("%s is not ready: %s", strings.Join(p.cmd.Args, " "), p.Log.Tail(20))
		}
	}
	return nil
}

// Signal sends a signal to the program, unless it has ended.
func (p *Process) Signal(s syscall.Signal) {
	if !p.HasEnded() {
		_ = p.cmd.Process.Signal(s) // it may have ended meanwhile
	}
}

// Kill kills the program with SIGKILL and waits for its end.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.ended
}

// Freeze stops the program with SIGSTOP. Thaw continues it.
func (p *Process) Freeze() { p.Signal(syscall.SIGSTOP) }

// Thaw continues a frozen program.
func (p *Process) Thaw() { p.Signal(syscall.SIGCONT) }

// Log collects the output of a program. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

// String returns the whole log.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// KeepLast drops all but the last bytes of the log, so that the log of a program that runs for hours stays small.
func (l *Log) KeepLast(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = slices.Clone(l.text[max(0, len(l.text)-bytes):])
}

// Lines returns the lines of the log.
func (l *Log) Lines() []string { return strings.Split(strings.TrimSpace(l.String()), "\n") }

// Count returns how often the log contains a text.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }

// Tail returns the last n lines.
func (l *Log) Tail(n int) string {
	lines := l.Lines()
	if len(lines) > n {
		lines = append([]string{fmt.Sprintf("… %d lines before", len(lines)-n)}, lines[len(lines)-n:]...)
	}
	return strings.Join(lines, "\n")
}
