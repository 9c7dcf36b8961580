package pgserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCheckOwnedRejectsASymbolicLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, checkOwned(dir))

	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(dir, link))
	require.ErrorContains(t, checkOwned(link), "is in the way")
}

func TestReadPostmaster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		want       postmaster
	}{
		{"ready", "123\n/data\n1795420000\n5432\n\n127.0.0.1\n  1234  5\nready   \n", postmaster{123, "ready"}},
		{"starting", "123\n/data\n1795420000\n5432\n\n127.0.0.1\n  1234  5\nstarting\n", postmaster{123, "starting"}},
		{"being written", "123\n/data\n", postmaster{pid: 123}},
		{"empty", "", postmaster{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			require.NoError(t, os.WriteFile(pidFile(data), []byte(c.file), 0o600))
			got, err := readPostmaster(data)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	got, err := readPostmaster(t.TempDir())
	require.NoError(t, err)
	require.Zero(t, got)
}

// A recorded pid may belong to another program now, which must not be stopped.
func TestStopOrphanKeepsOtherPrograms(t *testing.T) {
	t.Parallel()
	stranger := exec.Command("sleep", "600")
	require.NoError(t, stranger.Start())
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	data := t.TempDir()
	require.NoError(t, os.WriteFile(pidFile(data), []byte(strconv.Itoa(stranger.Process.Pid)+"\n"), 0o600))

	stopped, err := stopOrphan(t.Context(), data)
	require.NoError(t, err)
	require.Zero(t, stopped)
	require.True(t, alive(stranger.Process.Pid))
	p, err := readPostmaster(data)
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), p.pid, "PostgreSQL would take the stranger for a running server")
}

// A process that ended stays in the process table until its parent waits for it.
func TestZombieIsNotAlive(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.True(t, alive(cmd.Process.Pid))
	require.NoError(t, stdin.Close())
	require.Eventually(t, func() bool { return !alive(cmd.Process.Pid) || !hasProc() }, time.Minute, 10*time.Millisecond)
	require.NoError(t, cmd.Wait())
	require.False(t, alive(cmd.Process.Pid))
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}
