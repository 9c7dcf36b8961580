package ports_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/ports"
)

// takenPort returns a port on which the test listens.
func takenPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func TestListenUsesTheRequestedPort(t *testing.T) {
	t.Parallel()
	free, err := ports.Free(1)
	require.NoError(t, err)
	for _, set := range []bool{false, true} {
		l, p, err := ports.Listen(ports.Request{Name: "NATS", Port: free[0], Set: set})
		require.NoError(t, err)
		require.Equal(t, free[0], p.Number)
		require.Equal(t, p.Addr(), l.Addr().String())
		require.Empty(t, p.Note)
		require.NoError(t, l.Close())
	}
}

func TestTakenDefaultPortIsReplaced(t *testing.T) {
	t.Parallel()
	busy := takenPort(t)
	p, err := ports.Find(ports.Request{Name: "NATS", Port: busy})
	require.NoError(t, err)
	require.NotEqual(t, busy, p.Number)
	require.Equal(t, "port "+strconv.Itoa(busy)+" is taken, using "+strconv.Itoa(p.Number), p.Note)
}

func TestTakenPortOfTheUserIsAnError(t *testing.T) {
	t.Parallel()
	busy := takenPort(t)
	_, err := ports.Find(ports.Request{Name: "gateway", Port: busy, Set: true, Origin: "HTTP_ADDR"})
	require.EqualError(t, err, "gateway: port "+strconv.Itoa(busy)+", set by HTTP_ADDR, cannot be used: address already in use; free it or set another")
}

func TestFreePortsDiffer(t *testing.T) {
	t.Parallel()
	numbers, err := ports.Free(20)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, n := range numbers {
		require.False(t, seen[n], "port %d was returned twice", n)
		seen[n] = true
	}
}

// Two processes that start at the same time do not select the same default port, although
// neither listens yet.
func TestOneProcessSelectsADefaultPort(t *testing.T) {
	t.Parallel()
	const variable = "LAZISYNC_TEST_USUAL_PORT"
	if usual := os.Getenv(variable); usual != "" {
		port, err := strconv.Atoi(usual)
		require.NoError(t, err)
		p, err := ports.Find(ports.Request{Name: "Temporal", Port: port})
		require.NoError(t, err)
		fmt.Println("note:", p.Note)
		return
	}
	free, err := ports.Free(1)
	require.NoError(t, err)
	for range 2 { // the same process may select it again
		p, err := ports.Find(ports.Request{Name: "Temporal", Port: free[0]})
		require.NoError(t, err)
		require.Equal(t, free[0], p.Number)
	}
	other := exec.Command(os.Args[0], "-test.run=^TestOneProcessSelectsADefaultPort$")
	other.Env = append(os.Environ(), variable+"="+strconv.Itoa(free[0]))
	out, err := other.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), fmt.Sprintf("note: port %d is taken, using ", free[0]))
}

// Another process does not select the free ports of this one, although this one does not
// listen on them yet.
func TestFreePortsAreSelectedOnce(t *testing.T) {
	t.Parallel()
	const many = 300
	if os.Getenv("LAZISYNC_TEST_FREE_PORTS") != "" {
		numbers, err := ports.Free(many)
		require.NoError(t, err)
		fmt.Println("selected", numbers)
		return
	}
	ours, err := ports.Free(many)
	require.NoError(t, err)
	other := exec.Command(os.Args[0], "-test.run=^TestFreePortsAreSelectedOnce$")
	other.Env = append(os.Environ(), "LAZISYNC_TEST_FREE_PORTS=1")
	out, err := other.CombinedOutput()
	require.NoError(t, err, string(out))
	_, list, found := strings.Cut(string(out), "selected [")
	require.True(t, found, string(out))
	list, _, _ = strings.Cut(list, "]")
	theirs := strings.Fields(list)
	require.Len(t, theirs, many)
	for _, port := range ours {
		require.NotContains(t, theirs, strconv.Itoa(port))
	}
}

// A claim is a socket in the kernel. It does not depend on files and leaves none behind.
func TestAClaimLeavesNoFiles(t *testing.T) {
	const variable = "LAZISYNC_TEST_CLAIM"
	if usual := os.Getenv(variable); usual != "" {
		port, err := strconv.Atoi(usual)
		require.NoError(t, err)
		p, err := ports.Find(ports.Request{Name: "Temporal", Port: port})
		require.NoError(t, err)
		fmt.Println("selected:", p.Number)
		return
	}
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	free, err := ports.Free(1)
	require.NoError(t, err)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left, "a claim creates no file")
	usual := ports.Request{Name: "Temporal", Port: free[0]}
	other := exec.Command(os.Args[0], "-test.run=^TestAClaimLeavesNoFiles$")
	other.Env = append(os.Environ(), variable+"="+strconv.Itoa(usual.Port))
	out, err := other.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), fmt.Sprintf("selected: %d\n", usual.Port), "this process has claimed it")
}
