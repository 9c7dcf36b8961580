package streamtest

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

func TestStreamsDescribesUsageAndConsumers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ready(t)
	for range 3 {
		_, err := r.js.Publish(ctx(t), events.Requested.Subject, []byte(`{"mode":"full"}`))
		require.NoError(t, err)
	}
	var states []stream.StreamState
	require.Eventually(t, func() bool { // the server counts what is pending for a consumer a moment after it has stored it
		var err error
		states, err = r.conn.Streams(ctx(t), stream.Consumers()...)
		return err == nil && len(states) == 6 && len(states[0].Consumers) > 0 && states[0].Consumers[0].Pending == 3
	}, patience, tick)
	commands := states[0]
	require.Equal(t, stream.StreamCommands, commands.Name)
	require.EqualValues(t, 3, commands.Messages)
	require.NotZero(t, commands.Bytes)
	require.Equal(t, stream.ConsumerRequests, commands.Consumers[0].Name)
	require.Zero(t, commands.Consumers[0].WaitingPulls)
	server, err := r.conn.Server(ctx(t))
	require.NoError(t, err)
	require.NotEmpty(t, server.Version)
	require.Positive(t, server.RTT)
}

func TestPermissionChecksStoreNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ready(t)
	require.NoError(t, r.conn.CheckPublish(ctx(t), events.Requested.Subject))
	require.NoError(t, r.conn.CheckAcknowledge(ctx(t), stream.ConsumerRequests))
	states, err := r.conn.Streams(ctx(t), stream.Consumers()...)
	require.NoError(t, err)
	require.Zero(t, states[0].Messages)
}

func TestMissingPermissionsAreReported(t *testing.T) {
	t.Parallel()
	s := privateServer(t, &server.Options{
		Port: server.RANDOM_PORT, StoreDir: t.TempDir(), JetStream: true,
		Users: []*server.User{{Username: "owner", Password: "p"}, {Username: "reader", Password: "p", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.SYNC_COMMANDS.bridge-requests"}},
		}}},
	})
	owner := connect(t, "nats://owner:p@"+hostPort(t, s).Host, &process.Log{})
	_, err := owner.Declare(ctx(t))
	require.NoError(t, err)

	reader := connect(t, "nats://reader:p@"+hostPort(t, s).Host, &process.Log{})
	require.Eventually(t, func() bool { return reader.Ready(soon(t)) == nil }, patience, tick)
	err = reader.CheckPublish(ctx(t), events.Requested.Subject)
	require.ErrorIs(t, err, nats.ErrPermissionViolation)
	require.ErrorContains(t, err, events.Requested.Subject)
	err = reader.CheckAcknowledge(ctx(t), stream.ConsumerRequests)
	require.ErrorIs(t, err, nats.ErrPermissionViolation)
	require.NoError(t, owner.CheckAcknowledge(ctx(t), stream.ConsumerRequests))

	// A role looks only at what it reads, not at the consumers of others.
	_, err = reader.Streams(ctx(t), stream.ConsumerRequests)
	require.NoError(t, err)
	differences, err := reader.Drift(ctx(t), stream.ConsumerRequests)
	require.NoError(t, err)
	require.Empty(t, differences)
}
