//go:build privileged && linux

package fault

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/lazi/lazisync/dev/powerloss"
)

// powerDisk mounts a disk whose page cache can be lost. At its start JetStream requires free space for
// all of its streams, but uses little.
func powerDisk(t *testing.T) *powerloss.Disk {
	t.Helper()
	disk, err := powerloss.New(4 << 30)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, disk.Close()) })
	return disk
}

// flush writes everything to the disk, so that a test loses only what comes later.
func flush(t *testing.T, disk *powerloss.Disk) {
	t.Helper()
	folder, err := os.Open(disk.Path())
	require.NoError(t, err)
	defer folder.Close()
	require.NoError(t, unix.Syncfs(int(folder.Fd())))
}

// powered is a process, with its children, that a power failure ends.
type powered interface {
	freezeAll()
	killAll()
}

func (s *server) freezeAll() { signalTree(s.Pid(), syscall.SIGSTOP) }

func (s *server) killAll() {
	if s.HasEnded() {
		return
	}
	signalTree(s.Pid(), syscall.SIGKILL)
	<-s.Ended()
}

func (one *role) freezeAll() { one.Freeze() }
func (one *role) killAll()   { one.Kill() }

func (d *ownDatabase) freezeAll() { signalTree(d.Pid(), syscall.SIGSTOP) }

// killAll kills the children, too: they are frozen and cannot notice the end of their parent.
func (d *ownDatabase) killAll() {
	signalTree(d.Pid(), syscall.SIGKILL)
	<-d.Done()
	_ = d.Stop() // gives up the lock on its folder
}

// signalTree signals a process and its children. They are looked up before the process ends.
func signalTree(pid int, s syscall.Signal) {
	if s == syscall.SIGSTOP { // it must not start others meanwhile
		_ = syscall.Kill(pid, s)
	}
	for _, one := range append(children(pid), pid) {
		_ = syscall.Kill(one, s)
	}
}

// losePower ends processes at the same moment, and mounts their disks again. The processes are frozen
// first and killed afterwards, so that none sees an error of its disk.
func losePower(t *testing.T, disks []*powerloss.Disk, machine ...powered) {
	t.Helper()
	for _, one := range machine {
		one.freezeAll()
	}
	for _, disk := range disks {
		require.NoError(t, disk.CutPower())
	}
	for _, one := range machine {
		one.killAll()
	}
	for _, disk := range disks {
		require.NoError(t, disk.Restore())
	}
}
