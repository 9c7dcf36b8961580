package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postmaster is what a running server writes about itself in postmaster.pid.
type postmaster struct {
	pid    int
	status string // starting, ready, stopping
}

func pidFile(data string) string { return filepath.Join(data, "postmaster.pid") }

// readPostmaster returns the zero value when there is no file or only the beginning of one.
func readPostmaster(data string) (postmaster, error) {
	text, err := os.ReadFile(pidFile(data))
	if errors.Is(err, fs.ErrNotExist) {
		return postmaster{}, nil
	}
	if err != nil {
		return postmaster{}, err
	}
	var p postmaster
	lines := strings.Split(string(text), "\n")
	if p.pid, err = strconv.Atoi(strings.TrimSpace(lines[0])); err != nil {
		return postmaster{}, nil
	}
	const statusLine = 7
	if len(lines) > statusLine {
		p.status = strings.TrimSpace(lines[statusLine])
	}
	return p, nil
}

// How long a server gets for each way of stopping, gentlest first: SIGINT closes
// connections and writes a checkpoint, SIGQUIT leaves recovery to the next start.
const (
	fastShutdown      = 20 * time.Second
	immediateShutdown = 5 * time.Second
	killed            = 5 * time.Second
)

// stopOrphan ends a server still running on data although the process that
// started it is gone; the caller holds the folder's lock and so knows that it
// is. It reports the pid of the server it stopped, or 0.
func stopOrphan(ctx context.Context, data string) (int, error) {
	p, err := readPostmaster(data)
	if err != nil || p.pid <= 0 {
		return 0, err
	}
	if !isServerOf(ctx, p.pid, data) {
		return 0, takeOver(data)
	}
	gone := func() bool { return !alive(p.pid) }
	if err := stopProcess(p.pid, gone); err != nil {
		return 0, fmt.Errorf("stop the PostgreSQL left running on %s: %w", data, err)
	}
	return p.pid, takeOver(data)
}

// takeOver writes this process's pid over that of a server that is gone, if
// postmaster.pid is still there. The number may be listed all the same, because
// it waits to be collected or went to another program, and a new server would
// refuse to start; the pid of its parent it ignores. The rest of the file stays: it
// leads the new server to processes of the old that have yet to end.
func takeOver(data string) error {
	text, err := os.ReadFile(pidFile(data))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	return os.WriteFile(pidFile(data), append([]byte(strconv.Itoa(os.Getpid())+"\n"), rest...), 0o600)
}

// stopProcess asks ever more firmly until gone reports true.
func stopProcess(pid int, gone func() bool) error {
	for _, step := range []struct {
		signal  syscall.Signal
		patient time.Duration
	}{
		{syscall.SIGINT, fastShutdown},
		{syscall.SIGQUIT, immediateShutdown},
		{syscall.SIGKILL, killed},
	} {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal PostgreSQL, pid %d: %w", pid, err)
		}
		if poll(context.Background(), step.patient, gone) == nil {
			return nil
		}
	}
	return fmt.Errorf("PostgreSQL, pid %d, is still there after SIGKILL", pid)
}

// poll returns nil as soon as done reports true.
func poll(ctx context.Context, limit time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// alive reports whether a process runs. One that ended counts as gone even while
// its entry waits for a parent to collect it, which in containers may be for ever.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // no /proc here, or gone just now; then the next look tells
	}
	// The state follows the program's name in brackets, which may itself hold brackets.
	end := bytes.LastIndex(stat, []byte(") "))
	return end < 0 || !bytes.HasPrefix(stat[end:], []byte(") Z"))
}

// isServerOf reports whether pid is a PostgreSQL on data, by its command line.
func isServerOf(ctx context.Context, pid int, data string) bool {
	args := commandLine(ctx, pid)
	if len(args) == 0 || filepath.Base(args[0]) != "postgres" {
		return false
	}
	return slices.Contains(args, data)
}

// commandLine asks /proc where there is one, else ps; a path with a space is
// distinguished by the first only, which is the one Linux has.
func commandLine(ctx context.Context, pid int) []string {
	if raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		return strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00")
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}
