package streamtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// startWith starts a server with the given configuration, and connects to it.
func startWith(t *testing.T, config string) (*stream.Conn, *server.Server, *server.Options) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	config = fmt.Sprintf("listen: \"127.0.0.1:-1\"\n%s\n", fmt.Sprintf(config, t.TempDir()))
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	options, err := server.ProcessConfigFile(path)
	require.NoError(t, err, config)
	options.NoSigs = true
	n, err := server.NewServer(options)
	require.NoError(t, err)
	n.Start()
	t.Cleanup(func() { n.Shutdown(); n.WaitForShutdown() })
	require.True(t, n.ReadyForConnections(patience))
	conn := connect(t, n.ClientURL(), &process.Log{})
	require.Eventually(t, func() bool { _, err := conn.Server(soon(t)); return err == nil }, patience, tick)
	return conn, n, options
}

// TestServerLimitsAreReportedWithARemedy: the error for a limit of a server or account names the
// setting to change.
func TestServerLimitsAreReportedWithARemedy(t *testing.T) {
	t.Parallel()
	const account = `
		jetstream {store_dir: "%%s"}
		accounts: {SYNC: {jetstream: {%s}, users: [{user: u, password: p}]}}
		no_auth_user: u`
	for name, c := range map[string]struct{ config, want string }{
		"no JetStream": {`# %s`, "enable JetStream in nats-server's configuration"},
		"no JetStream for the user": {`jetstream {store_dir: "%s"}
		accounts: {SYNC: {users: [{user: u, password: p}]}}
		no_auth_user: u`, "enable JetStream for the account of this user"},
		"small messages":             {"max_payload: 65536\njetstream {store_dir: \"%s\"}", "set max_payload: 1MB"},
		"no memory":                  {`jetstream {store_dir: "%s", max_memory_store: 1MB}`, "raise max_memory_store"},
		"little storage":             {`jetstream {store_dir: "%s", max_file_store: 100MB}`, "raise max_file_store"},
		"a short duplicate window":   {`jetstream {store_dir: "%s", limits: {duplicate_window: 1h}}`, "max_duplicate_window"},
		"few unsettled messages":     {`jetstream {store_dir: "%s", limits: {max_ack_pending: 100}}`, "raise max_ack_pending"},
		"few streams":                {fmt.Sprintf(account, "max_streams: 2, max_mem: 1G, max_file: 4G"), "raise max_streams"},
		"few consumers":              {fmt.Sprintf(account, "max_consumers: 1, max_mem: 1G, max_file: 4G"), "raise max_consumers"},
		"an account without memory":  {fmt.Sprintf(account, "max_mem: 1M, max_file: 4G"), "max_memory of the account's jetstream limits"},
		"an account without storage": {fmt.Sprintf(account, "max_mem: 1G, max_file: 1G"), "max_storage of the account's jetstream limits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, _, _ := startWith(t, c.config)
			_, err := conn.Declare(ctx(t))
			require.ErrorContains(t, err, c.want)
			if !strings.Contains(name, "memory") { // the progress stream is in memory
				require.Error(t, conn.Ready(ctx(t), stream.Consumers()...))
			}
		})
	}
}

// TestFetchesRespectServerLimits: commands are read and events followed although max_request_batch
// of the server is below our default.
func TestFetchesRespectServerLimits(t *testing.T) {
	t.Parallel()
	conn, _, _ := startWith(t, `jetstream {store_dir: "%s", limits: {max_request_batch: 10}}`)
	_, err := conn.Declare(ctx(t))
	require.NoError(t, err)
	drift, err := conn.Drift(ctx(t), stream.Consumers()...)
	require.NoError(t, err)
	require.Empty(t, lines(drift))

	r := &rig{conn: conn}
	var handled seen[uint64]
	for _, err := range conn.PublishAll(ctx(t), requests(t, 25)) {
		require.NoError(t, err)
	}
	r.consume(t, stream.ConsumerRequests, many, func(c context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			handled.add(m.Event().Sequence)
		}
		return ackAll(c, batch)
	})
	handled.await(t, 25)
	r.awaitReady(t, stream.ConsumerRequests)
	require.NoError(t, conn.CheckFetch(ctx(t), stream.ConsumerRequests, 500))

	var followed seen[string]
	require.NoError(t, conn.Subscribe(t.Context(), []string{"sync.requested"}, stream.StartPosition{Time: time.Now().Add(-time.Hour)},
		func(m events.Message) { followed.add(m.Subject) }))
	followed.await(t, 25)
}

// TestSubscriptionsAdaptToALoweredLimit: a subscription has no gap although the server restarts
// with a lower max_request_batch.
func TestSubscriptionsAdaptToALoweredLimit(t *testing.T) {
	t.Parallel()
	conn, n, options := startWith(t, `jetstream {store_dir: "%s"}`)
	_, err := conn.Declare(ctx(t))
	require.NoError(t, err)
	var followed seen[uint64]
	require.NoError(t, conn.Subscribe(t.Context(), []string{"sync.requested"}, stream.StartPosition{},
		func(m events.Message) { followed.add(m.Sequence) }))
	require.NoError(t, conn.Publish(ctx(t), request(t, "before")))
	followed.await(t, 1)

	options.JetStreamLimits.MaxRequestBatch = 10
	options.Port = n.Addr().(*net.TCPAddr).Port
	n.Shutdown()
	n.WaitForShutdown()
	again, err := server.NewServer(options)
	require.NoError(t, err)
	again.Start()
	t.Cleanup(func() { again.Shutdown(); again.WaitForShutdown() })
	require.Eventually(t, func() bool { return conn.Publish(soon(t), request(t, "after")) == nil }, patience, tick)
	require.Equal(t, []uint64{1, 2}, followed.await(t, 2))
}
