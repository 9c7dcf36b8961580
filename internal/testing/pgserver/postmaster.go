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

// postmaster is the content of postmaster.pid, which a running server writes.
type postmaster struct {
	pid    int
	status string // starting, ready, stopping
}

func pidFile(data string) string { return filepath.Join(data, "postmaster.pid") }

// readPostmaster returns the zero value if the file is missing or incomplete.
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

// The time that a server gets for each way of stopping, gentlest first: SIGINT closes connections
// and writes a checkpoint, SIGQUIT leaves recovery to the next start.
const (
	fastShutdown      = 20 * time.Second
	immediateShutdown = 5 * time.Second
	killed            = 5 * time.Second
)

// stopOrphan stops a server that still runs on data although the process that started it has ended.
// The caller holds the folder's lock, so no other process uses the server. It returns the pid of
// the server it stopped, or 0.
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

// takeOver replaces the pid of an ended server in postmaster.pid, if the file exists, by the pid of
// this process. A new server refuses to start while the recorded pid exists, which may be a zombie
// or another program; it ignores the pid of its parent. The rest of the file stays: with it the new
// server waits for processes of the old one that have not ended yet.
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

// stopProcess sends stronger and stronger signals until gone reports true.
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

// alive reports whether a process runs. A zombie does not count, because in containers its parent
// may never wait for it.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // no /proc, or the process ended just now; the next call decides
	}
	// The state follows the program's name in parentheses, which may contain parentheses.
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

// commandLine reads /proc if it exists, else the output of ps. Only /proc, which Linux has,
// separates arguments with spaces.
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
