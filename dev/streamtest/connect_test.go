package streamtest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/internal/stream"
)

func TestConnectBeforeTheServerStarts(t *testing.T) {
	t.Parallel()
	r := &rig{dir: t.TempDir(), log: &process.Log{}}
	r.startServer(t) // to find a free port
	r.server.Stop()
	r.conn = connect(t, fmt.Sprintf("nats://127.0.0.1:%d", r.port), r.log)
	require.ErrorIs(t, r.conn.Ready(ctx(t)), stream.ErrDisconnected)

	r.startServer(t)
	t.Cleanup(r.server.Stop)
	require.Eventually(t, func() bool { return r.log.Count(`"connected to NATS"`) > 0 }, patience, tick)
	require.Eventually(t, func() bool {
		_, err := r.conn.Declare(soon(t))
		return err == nil
	}, patience, tick)
	require.NoError(t, r.conn.Ready(ctx(t), stream.ConsumerRequests, stream.ConsumerControl, stream.ConsumerNotifier))
	require.ErrorContains(t, r.conn.Ready(ctx(t), "stranger"), `consumer "stranger" is not declared`)
}

func TestConnectRetriesAfterAnAuthenticationError(t *testing.T) {
	t.Parallel()
	wrong := privateServer(t, &server.Options{Port: server.RANDOM_PORT, Username: "u", Password: "old"})
	address := hostPort(t, wrong)
	log := &process.Log{}
	conn := connect(t, "nats://u:new-secret@"+address.Host, log)
	// With the client's default options the connection closes permanently after the second
	// authentication error.
	require.Eventually(t, func() bool {
		seen, err := wrong.Varz(nil)
		return err == nil && seen.TotalConnections > 3
	}, patience, tick)
	wrong.Shutdown()
	wrong.WaitForShutdown()

	port, err := strconv.Atoi(address.Port())
	require.NoError(t, err)
	privateServer(t, &server.Options{Port: port, Username: "u", Password: "new-secret", StoreDir: t.TempDir(), JetStream: true})
	require.Eventually(t, func() bool { return log.Count(`"connected to NATS"`) > 0 }, patience, tick)
	_, err = conn.Declare(ctx(t))
	require.NoError(t, err)
	require.Zero(t, log.Count("new-secret"))
}

func TestMissingPermissionIsLogged(t *testing.T) {
	t.Parallel()
	s := privateServer(t, &server.Options{
		Port: server.RANDOM_PORT, StoreDir: t.TempDir(), JetStream: true,
		Users: []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"sync.requested"}},
		}}},
	})
	log := &process.Log{}
	conn := connect(t, "nats://u:p@"+hostPort(t, s).Host, log)
	_, err := conn.Declare(ctx(t))
	require.NoError(t, err)
	short, cancel := context.WithTimeout(ctx(t), 300*time.Millisecond)
	defer cancel()
	require.Error(t, conn.Publish(short, request(t, "a")))
	require.Eventually(t, func() bool { return log.Count("NATS user lacks a permission") == 1 }, patience, tick)
	require.NotZero(t, log.Count(`sync.requested`))
}

func TestCloseIsFinal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.conn.Close()
	<-r.conn.Closed()
	require.ErrorIs(t, r.conn.Publish(ctx(t), request(t, "a")), stream.ErrDisconnected)
	require.ErrorIs(t, r.conn.Ready(ctx(t)), stream.ErrDisconnected)
	r.conn.Close()
}

// privateServer is a nats-server with its own options.
func privateServer(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoSigs, o.NoLog = "127.0.0.1", true, true
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(patience))
	return s
}

func hostPort(t *testing.T, s *server.Server) *url.URL {
	t.Helper()
	address, err := url.Parse(s.ClientURL())
	require.NoError(t, err)
	return address
}
