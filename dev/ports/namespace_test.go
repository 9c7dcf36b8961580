//go:build privileged && linux

package ports_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/lazi/lazisync/dev/ports"
)

// Two network namespaces that share all folders have separate ports: both get the default
// port.
func TestNetworkNamespacesHaveSeparatePorts(t *testing.T) {
	t.Parallel()
	const variable = "LAZISYNC_TEST_NAMESPACE"
	if usual := os.Getenv(variable); usual != "" {
		bringUpLoopback(t)
		port, err := strconv.Atoi(usual)
		require.NoError(t, err)
		p, err := ports.Find(ports.Request{Name: "Temporal", Port: port})
		require.NoError(t, err)
		fmt.Println("selected:", p.Number, p.Note)
		return
	}
	free, err := ports.Free(1)
	require.NoError(t, err)
	inside := func(flags uintptr) string {
		other := exec.Command(os.Args[0], "-test.run=^TestNetworkNamespacesHaveSeparatePorts$")
		other.Env = append(os.Environ(), variable+"="+strconv.Itoa(free[0]))
		other.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		out, err := other.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	require.Contains(t, inside(syscall.CLONE_NEWNET), fmt.Sprintf("selected: %d \n", free[0]), "the port is free in the other namespace")
	require.Contains(t, inside(0), fmt.Sprintf("port %d is taken, using ", free[0]), "this process has claimed it")
}

// bringUpLoopback enables 127.0.0.1 in a new network namespace.
func bringUpLoopback(t *testing.T) {
	t.Helper()
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	require.NoError(t, err)
	defer func() { _ = unix.Close(socket) }()
	lo, err := unix.NewIfreq("lo")
	require.NoError(t, err)
	require.NoError(t, unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, lo))
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	require.NoError(t, unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo))
}
