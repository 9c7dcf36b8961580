//go:build privileged && linux

package powerloss_test

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/lazi/lazisync/dev/powerloss"
)

func newDisk(t *testing.T) *powerloss.Disk {
	t.Helper()
	d, err := powerloss.New(64 << 20)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func lose(t *testing.T, d *powerloss.Disk) {
	t.Helper()
	require.NoError(t, d.CutPower())
	require.NoError(t, d.Restore())
}

func write(t *testing.T, path, text string, sync bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString(text)
	require.NoError(t, err)
	if sync {
		require.NoError(t, f.Sync())
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestDataSurvivesAPowerLossOnlyIfItIsFlushed(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	write(t, d.Path("synced"), "one", true)
	write(t, d.Path("both"), "one", true)
	write(t, d.Path("both"), "two", false)
	write(t, d.Path("unsynced"), "one", false)
	write(t, d.Path("synced"), "two", true) // the journal now has the name of the other
	write(t, d.Path("unnamed"), "one", false)
	require.Equal(t, "onetwo", read(t, d.Path("both")), "until then everything is visible")

	lose(t, d)
	require.Equal(t, "onetwo", read(t, d.Path("synced")))
	require.Equal(t, "one\x00\x00\x00", read(t, d.Path("both")), "the data is lost, and its size not: the journal has it")
	require.Empty(t, read(t, d.Path("unsynced")))
	require.NoFileExists(t, d.Path("unnamed"))
	write(t, d.Path("both"), "three", true)

	lose(t, d)
	require.Equal(t, "one\x00\x00\x00three", read(t, d.Path("both")), "it can be lost again")
}

// A rename replaces a file by an empty one if the new one is not flushed before, and is undone if
// nothing is flushed afterwards.
func TestRenameSurvivesAPowerLossOnlyIfItIsFlushed(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	for _, name := range []string{"a", "b", "c"} {
		write(t, d.Path(name), "old", true)
	}
	replace := func(name string, sync bool) {
		write(t, d.Path(name+".new"), "new", sync)
		require.NoError(t, os.Rename(d.Path(name+".new"), d.Path(name)))
	}
	replace("a", false)
	replace("b", true)
	folder, err := os.Open(d.Path())
	require.NoError(t, err)
	require.NoError(t, folder.Sync())
	require.NoError(t, folder.Close())
	replace("c", true)

	lose(t, d)
	require.Empty(t, read(t, d.Path("a")))
	require.Equal(t, "new", read(t, d.Path("b")))
	require.Equal(t, "old", read(t, d.Path("c")))
}

// Memory that is mapped from a file is part of the page cache.
func TestMappedMemorySurvivesAPowerLossOnlyIfItIsFlushed(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	write(t, d.Path("mapped"), "........", true)
	change := func(at int, flush bool) {
		f, err := os.OpenFile(d.Path("mapped"), os.O_RDWR, 0)
		require.NoError(t, err)
		defer f.Close()
		memory, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		require.NoError(t, err)
		defer func() { require.NoError(t, unix.Munmap(memory)) }()
		memory[at] = 'x'
		if flush {
			require.NoError(t, unix.Msync(memory, unix.MS_SYNC))
		}
	}
	change(0, true)
	change(1, false)
	require.Equal(t, "xx......", read(t, d.Path("mapped")))
	lose(t, d)
	require.Equal(t, "x.......", read(t, d.Path("mapped")))
}

func TestDiskRefusesWritesWhileThePowerIsCut(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	require.NoError(t, d.CutPower())
	require.ErrorIs(t, os.WriteFile(d.Path("file"), nil, 0o600), syscall.EIO)
	require.NoError(t, d.Restore())
	require.NoError(t, os.WriteFile(d.Path("file"), nil, 0o600))
}

// The wait for killed processes ends.
func TestRestoreNamesADiskInUse(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	d.SetPatience(50 * time.Millisecond)
	f, err := os.Create(d.Path("open"))
	require.NoError(t, err)
	require.NoError(t, d.CutPower())
	require.ErrorContains(t, d.Restore(), "a process or another mount namespace uses "+d.Path())
	require.NoError(t, f.Close())
	d.SetPatience(time.Minute)
	require.NoError(t, d.Restore())
}

// A container that starts has a copy of each mount for a moment.
func TestRestoreWaitsForOtherMountNamespaces(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	other := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo started; exec cat")
	stdin, err := other.StdinPipe()
	require.NoError(t, err)
	stdout, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	started, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started\n", started)
	require.NoError(t, d.CutPower())
	d.SetPatience(50 * time.Millisecond)
	require.ErrorContains(t, d.Restore(), "another mount namespace uses "+d.Path())
	require.NoError(t, stdin.Close())
	require.NoError(t, other.Wait())
	d.SetPatience(time.Minute)
	require.NoError(t, d.Restore())
	require.NoError(t, os.WriteFile(d.Path("file"), nil, 0o600))
}
