package ports_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/ports"
)

// taken returns a port that somebody listens on for the length of the test.
func taken(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func TestListenGrantsTheWish(t *testing.T) {
	t.Parallel()
	free, err := ports.Free(1)
	require.NoError(t, err)
	for _, set := range []bool{false, true} {
		l, p, err := ports.Listen(ports.Wish{Name: "NATS", Port: free[0], Set: set})
		require.NoError(t, err)
		require.Equal(t, free[0], p.Number)
		require.Equal(t, p.Addr(), l.Addr().String())
		require.Empty(t, p.Note)
		require.NoError(t, l.Close())
	}
}

func TestDefaultPortThatIsTaken(t *testing.T) {
	t.Parallel()
	busy := taken(t)
	p, err := ports.Find(ports.Wish{Name: "NATS", Port: busy})
	require.NoError(t, err)
	require.NotEqual(t, busy, p.Number)
	require.Equal(t, "port "+strconv.Itoa(busy)+" is taken, using "+strconv.Itoa(p.Number), p.Note)
}

func TestSetPortThatIsTaken(t *testing.T) {
	t.Parallel()
	busy := taken(t)
	_, err := ports.Find(ports.Wish{Name: "gateway", Port: busy, Set: true, Origin: "HTTP_ADDR"})
	require.EqualError(t, err, "gateway: port "+strconv.Itoa(busy)+", set by HTTP_ADDR, cannot be used: address already in use; free it or set another")
}

func TestFreePortsDiffer(t *testing.T) {
	t.Parallel()
	numbers, err := ports.Free(20)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, n := range numbers {
		require.False(t, seen[n], "port %d came twice", n)
		seen[n] = true
	}
}
