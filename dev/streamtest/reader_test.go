package streamtest

import (
	"fmt"
	"math"
	"net"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/internal/stream"
)

// readers are NATS users: one that declares, one that reads with the permissions of the bridge in
// deploy/nats.conf, and one that may not read.
const readers = `
	jetstream {store_dir: "%s"}
	authorization {users: [
		{user: all, password: p}
		{user: bridge, password: p, permissions: {publish: ["$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.SYNC_EVENTS"]}}
		{user: blind, password: p, permissions: {publish: ["$JS.API.STREAM.INFO.*"]}}
	]}
	no_auth_user: all`

func userOf(t *testing.T, n *server.Server, user string) *stream.Conn {
	t.Helper()
	return connect(t, fmt.Sprintf("nats://%s:p@127.0.0.1:%d", user, n.Addr().(*net.TCPAddr).Port), &process.Log{})
}

// TestCheckReadReportsAMissingPermission: the bridge consumes nothing before it has compared run
// numbers with the event stream.
func TestCheckReadReportsAMissingPermission(t *testing.T) {
	t.Parallel()
	conn, n, _ := startWith(t, readers)
	require.NoError(t, conn.CheckRead(ctx(t), stream.StreamEvents), "a missing stream is another matter")
	_, err := conn.Declare(ctx(t))
	require.NoError(t, err)
	blind := userOf(t, n, "blind")
	require.Eventually(t, func() bool { _, err := blind.Server(soon(t)); return err == nil }, patience, tick)
	require.ErrorContains(t, blind.CheckRead(ctx(t), stream.StreamEvents), "permission to publish on $JS.API.STREAM.MSG.GET.SYNC_EVENTS: nats: permissions violation")
	require.NoError(t, conn.CheckRead(ctx(t), stream.StreamEvents))
}

// TestReadsIgnoreAllowDirect: an operator may set allow_direct, and reading needs no other
// permission then.
func TestReadsIgnoreAllowDirect(t *testing.T) {
	t.Parallel()
	conn, n, _ := startWith(t, readers)
	_, err := conn.Declare(ctx(t))
	require.NoError(t, err)
	require.NoError(t, conn.Publish(ctx(t), outcome(t, "7/completed", 7)))
	nc, err := nats.Connect(n.ClientURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	found, err := js.Stream(ctx(t), stream.StreamEvents)
	require.NoError(t, err)
	config := found.CachedInfo().Config
	config.AllowDirect = true
	_, err = js.UpdateStream(ctx(t), config)
	require.NoError(t, err)

	bridge := userOf(t, n, "bridge")
	require.Eventually(t, func() bool { _, err := bridge.Server(soon(t)); return err == nil }, patience, tick)
	require.NoError(t, bridge.CheckRead(ctx(t), stream.StreamEvents))
	last, err := bridge.LastRunNumber(ctx(t))
	require.NoError(t, err)
	require.EqualValues(t, 7, last)
}

// TestRunNumbersOfBareJSONAreIgnored: bare JSON raises no run number.
func TestRunNumbersOfBareJSONAreIgnored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.completed", fmt.Sprintf(`{"runNumber": %d}`, int64(math.MaxInt64)))
	last, err := r.conn.LastRunNumber(ctx(t))
	require.NoError(t, err)
	require.Zero(t, last)
}
