package datadir_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/datadir"
)

// childVariable names a folder. If it is set, the test binary locks this folder and waits to
// be killed.
const childVariable = "DATADIR_TEST_CHILD"

var links = []datadir.Link{
	{Name: "gateway", URL: "http://127.0.0.1:8080"},
	{Name: "PostgreSQL", URL: "postgres://lazisync:hush@127.0.0.1:5432/lazisync"},
}

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		if err := runChild(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runChild(path string) error {
	d, err := datadir.Open(path)
	if err != nil {
		return err
	}
	if err := d.Announce(links); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin) // until the test closes it
	return err
}

// startChild starts a process that locks the folder until the returned function kills it.
func startChild(t *testing.T, path string) (pid int, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
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
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return cmd.Process.Pid, kill
}

func TestSecondStartNamesTheFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".lazisync")
	pid, kill := startChild(t, path)

	_, err := datadir.Open(path)
	var inUse *datadir.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, pid, inUse.State.Pid)
	require.ErrorContains(t, err, "in use by pid "+strconv.Itoa(pid))
	require.ErrorContains(t, err, "gateway: http://127.0.0.1:8080")
	require.ErrorContains(t, err, "PostgreSQL: postgres://lazisync:xxxxx@127.0.0.1:5432/lazisync")
	require.NotContains(t, err.Error(), "hush")
	state, running, err := datadir.Running(path)
	require.NoError(t, err)
	require.True(t, running)
	require.Equal(t, pid, state.Pid)

	kill()
	_, running, err = datadir.Running(path)
	require.NoError(t, err)
	require.False(t, running, "the kernel unlocks the folder")
	d, err := datadir.Open(path)
	require.NoError(t, err)
	require.NoFileExists(t, d.Path("state.json"), "Open removes the state of a killed process")
	require.NoError(t, d.Close())
}

func TestSecondStartWhileTheFirstIsStarting(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := datadir.Open(path)
	require.NoError(t, err)
	defer d.Close()
	_, err = datadir.Open(path)
	require.ErrorContains(t, err, "that is starting")
}

func TestClearKeepsTheLock(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := datadir.Open(path)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(d.Path("nats", "stream"), 0o700))
	require.NoError(t, d.Announce(links))

	require.NoError(t, d.Clear())
	require.NoDirExists(t, d.Path("nats"))
	_, err = datadir.Open(path)
	require.Error(t, err, "still locked")
	require.NoError(t, d.Close())
	d, err = datadir.Open(path)
	require.NoError(t, err)
	require.NoError(t, d.Close())
}

func TestRunningOfAMissingFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "absent")
	_, running, err := datadir.Running(path)
	require.NoError(t, err)
	require.False(t, running)
	require.NoDirExists(t, path, "Running creates no folder")
}

// A forked child has the descriptor of the lock until it executes its program, so closing the
// descriptor is not enough to unlock the folder.
func TestCloseUnlocksTheFolderWhileChildrenStart(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	done := make(chan struct{})
	var starters sync.WaitGroup
	for range 4 {
		starters.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_ = exec.Command("true").Run() // the fork is what matters
				}
			}
		})
	}
	t.Cleanup(starters.Wait)
	t.Cleanup(func() { close(done) })
	for range 500 {
		d, err := datadir.Open(path)
		require.NoError(t, err)
		require.NoError(t, d.Close())
	}
}
