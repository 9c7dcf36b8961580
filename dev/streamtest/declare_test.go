package streamtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/internal/stream"
)

func TestDeclareIsIdempotent(t *testing.T) {
	t.Parallel()
	r := &rig{dir: t.TempDir(), log: &process.Log{}}
	r.startServer(t)
	t.Cleanup(r.server.Stop)
	r.conn = connect(t, r.server.URL(), r.log)

	changes, err := r.conn.Declare(ctx(t))
	require.NoError(t, err)
	require.Equal(t, []string{
		"stream SYNC_COMMANDS: created",
		"consumer SYNC_COMMANDS/bridge-requests: created",
		"consumer SYNC_COMMANDS/bridge-control: created",
		"stream SYNC_EVENTS: created",
		"consumer SYNC_EVENTS/notifier: created",
		"stream SYNC_PROGRESS: created",
		"stream SYNC_DEADLETTER: created",
		"stream SYNC_ADVISORIES: created",
		"consumer SYNC_ADVISORIES/bridge-lost: created",
		"stream SYNC_INCIDENTS: created",
	}, changes)

	changes, err = r.conn.Declare(ctx(t))
	require.NoError(t, err)
	require.Empty(t, changes)
	drift, err := r.conn.Drift(ctx(t), stream.Consumers()...)
	require.NoError(t, err)
	require.Empty(t, drift)
}

func TestDriftIsListedByFieldAndCorrected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	commands := r.config(t, stream.StreamCommands)
	commands.MaxAge = time.Hour
	commands.Duplicates = time.Minute
	commands.Discard = jetstream.DiscardOld
	commands.Metadata = map[string]string{"owner": "ops"}
	_, err := r.js.UpdateStream(ctx(t), commands)
	require.NoError(t, err)
	_, err = r.js.UpdateConsumer(ctx(t), stream.StreamCommands, jetstream.ConsumerConfig{
		Durable: stream.ConsumerControl, FilterSubject: "sync.control", AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: 30 * time.Second, MaxDeliver: 1000, MaxAckPending: 64,
	})
	require.NoError(t, err)
	require.NoError(t, r.js.DeleteConsumer(ctx(t), stream.StreamEvents, stream.ConsumerNotifier))
	require.NoError(t, r.js.DeleteStream(ctx(t), stream.StreamProgress))

	drift, err := r.conn.Drift(ctx(t), stream.Consumers()...)
	require.NoError(t, err)
	require.Equal(t, []string{
		"stream SYNC_COMMANDS: discard is DiscardOld, want DiscardNew",
		"stream SYNC_COMMANDS: max_age is 1h0m0s, want 168h0m0s",
		"stream SYNC_COMMANDS: duplicate_window is 1m0s, want 24h0m0s",
		"consumer SYNC_COMMANDS/bridge-control: ack_wait is 30s, want 15s",
		"consumer SYNC_COMMANDS/bridge-control: max_ack_pending is 64, want 1",
		"consumer SYNC_EVENTS/notifier: existence is missing, want present",
		"stream SYNC_PROGRESS: existence is missing, want present",
	}, lines(drift))

	changes, err := r.conn.Declare(ctx(t))
	require.NoError(t, err)
	require.Equal(t, []string{
		"stream SYNC_COMMANDS: discard DiscardOld -> DiscardNew",
		"stream SYNC_COMMANDS: max_age 1h0m0s -> 168h0m0s",
		"stream SYNC_COMMANDS: duplicate_window 1m0s -> 24h0m0s",
		"consumer SYNC_COMMANDS/bridge-control: ack_wait 30s -> 15s",
		"consumer SYNC_COMMANDS/bridge-control: max_ack_pending 64 -> 1",
		"consumer SYNC_EVENTS/notifier: created",
		"stream SYNC_PROGRESS: created",
	}, changes)
	drift, err = r.conn.Drift(ctx(t), stream.Consumers()...)
	require.NoError(t, err)
	require.Empty(t, drift)
	require.Equal(t, "ops", r.config(t, stream.StreamCommands).Metadata["owner"], "what is not declared stays")
}

func TestANewNotifierConsumerStartsOneHourBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.js.DeleteConsumer(ctx(t), stream.StreamEvents, stream.ConsumerNotifier))
	_, err := r.conn.Declare(ctx(t))
	require.NoError(t, err)
	found, err := r.js.Consumer(ctx(t), stream.StreamEvents, stream.ConsumerNotifier)
	require.NoError(t, err)
	config := found.CachedInfo().Config
	require.Equal(t, jetstream.DeliverByStartTimePolicy, config.DeliverPolicy)
	require.WithinDuration(t, time.Now().Add(-time.Hour), *config.OptStartTime, time.Minute)
}

func TestTheProgressStreamIsRestoredAfterAServerRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.stopServer(t)
	r.startServer(t)
	require.Eventually(t, func() bool {
		drift, err := r.conn.Drift(soon(t), stream.Consumers()...)
		return err == nil && len(drift) == 0
	}, patience, tick)
}

func TestNothingIsDeclaredOnANewServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.stopServer(t)
	r.dir = t.TempDir()
	r.startServer(t)
	require.Eventually(t, func() bool { return r.log.Count(`"connected to NATS"`) == 2 }, patience, tick)
	require.ErrorContains(t, r.conn.Ready(ctx(t)), "stream SYNC_COMMANDS is missing")
	drift, err := r.conn.Drift(ctx(t), stream.Consumers()...)
	require.NoError(t, err)
	require.Len(t, drift, 6)
	_, err = r.conn.Declare(ctx(t))
	require.NoError(t, err)
}

func (r *rig) config(t testing.TB, name string) jetstream.StreamConfig {
	t.Helper()
	found, err := r.js.Stream(ctx(t), name)
	require.NoError(t, err)
	return found.CachedInfo().Config
}

func lines[T fmt.Stringer](all []T) []string {
	var out []string
	for _, one := range all {
		out = append(out, one.String())
	}
	return out
}
