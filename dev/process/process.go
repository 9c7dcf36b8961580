package process

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running program. Kill it, or stop it, before the test ends; where the
// system can, it also ends with the test's own process.
type Process struct {
	Log *Log

	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// Start starts a program. What it writes goes to its log, unless the command says where.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{Log: &Log{}, cmd: cmd, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.Log
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.Log
	}
	cmd.SysProcAttr = endsWithParent()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Pid is its process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ended is closed once the program has ended, whoever ended it.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// HasEnded says whether it has.
func (p *Process) HasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Killed says whether it ended by SIGKILL.
func (p *Process) Killed() bool {
	if !p.HasEnded() {
		return false
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Err is how it ended: nil after a stop in good order.
func (p *Process) Err() error {
	<-p.ended
	return p.err
}

// Await waits until the program has written what it is to be judged by. One that ends
// before, or takes longer than patience, is an error with the end of its log.
func (p *Process) Await(patience time.Duration, written func(*Log) bool) error {
	late := time.After(patience)
	for !written(p.Log) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.ended:
			return fmt.Errorf("%s ended: %s", strings.Join(p.cmd.Args, " "), p.Log.Tail(20))
		case <-late:
			return fmt.Errorf("%s is not ready: %s", strings.Join(p.cmd.Args, " "), p.Log.Tail(20))
		}
	}
	return nil
}

// Signal sends a signal to it. One that has ended hears nothing.
func (p *Process) Signal(s syscall.Signal) {
	if !p.HasEnded() {
		_ = p.cmd.Process.Signal(s) // it may have ended meanwhile
	}
}

// Kill ends it as a crash does, and returns when it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.ended
}

// Freeze stops it where it is. Thaw lets it go on.
func (p *Process) Freeze() { p.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen program go on.
func (p *Process) Thaw() { p.Signal(syscall.SIGCONT) }

// Log keeps what a program writes, for tests to read meanwhile.
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

// String is all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// Lines are its lines so far.
func (l *Log) Lines() []string { return strings.Split(strings.TrimSpace(l.String()), "\n") }

// Count is how often it says something.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }

// Tail is its last n lines.
func (l *Log) Tail(n int) string {
	lines := l.Lines()
	if len(lines) > n {
		lines = append([]string{fmt.Sprintf("… %d lines before", len(lines)-n)}, lines[len(lines)-n:]...)
	}
	return strings.Join(lines, "\n")
}
