package streamtest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// lowerMaxDeliver sets the maximum deliveries of a declared consumer to a few.
func (r *rig) lowerMaxDeliver(t *testing.T, in, consumer string, deliveries int) jetstream.Consumer {
	t.Helper()
	found, err := r.js.Consumer(ctx(t), in, consumer)
	require.NoError(t, err)
	config := found.CachedInfo().Config
	config.AckWait, config.MaxDeliver = 100*time.Millisecond, deliveries
	found, err = r.js.UpdateConsumer(ctx(t), in, config)
	require.NoError(t, err)
	return found
}

// takeAndCrash fetches a message and does not settle it, as a process that crashes.
func takeAndCrash(t *testing.T, from jetstream.Consumer) {
	t.Helper()
	m, err := from.Next(jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	require.NotNil(t, m)
}

// exceedMaxDeliveries makes the server detect that a message exceeded the maximum deliveries, which
// it does at a pull request.
func (r *rig) exceedMaxDeliveries(t *testing.T, consumer string, advisories uint64) {
	t.Helper()
	stop := r.consume(t, consumer, many, func(_ context.Context, batch []*stream.Message) error {
		t.Errorf("%d more messages of %s", len(batch), consumer)
		return nil
	})
	require.Eventually(t, func() bool { return r.stored(t, stream.StreamAdvisories) == advisories }, patience, tick)
	stop()
}

// exhausted collects the advisories of exhausted messages, and settles them.
func (r *rig) exhausted(t *testing.T) *seen[*stream.Exhausted] {
	t.Helper()
	var reported seen[*stream.Exhausted]
	r.consume(t, stream.ConsumerMaxDeliveries, many, func(ctx context.Context, batch []*stream.Message) error {
		return r.conn.ForEachExhausted(ctx, batch, func(l *stream.Exhausted) error {
			reported.add(l)
			return l.Ack(ctx)
		})
	})
	return &reported
}

func TestExhaustedMessagesAreReported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	commands := r.lowerMaxDeliver(t, stream.StreamCommands, stream.ConsumerRequests, 2)
	outcomes := r.lowerMaxDeliver(t, stream.StreamEvents, stream.ConsumerNotifier, 1)
	body := "\x00 anything"
	command := r.send(t, "sync.requested", body, "X-Own", "kept")
	outcome := r.send(t, "sync.failed", "not notified")
	takeAndCrash(t, commands)
	takeAndCrash(t, commands)
	r.exceedMaxDeliveries(t, stream.ConsumerRequests, 1)
	takeAndCrash(t, outcomes)
	r.exceedMaxDeliveries(t, stream.ConsumerNotifier, 2)

	reported := map[string]*stream.Exhausted{}
	for _, l := range r.exhausted(t).await(t, 2) {
		reported[l.Event().Subject] = l
	}
	one := reported["sync.requested"]
	require.NotNil(t, one)
	require.EqualValues(t, 2, one.Deliveries())
	require.Equal(t, r.asMessage(t, stream.StreamCommands, command.Sequence), one.Event())
	require.Equal(t, body, string(one.Event().Data))
	require.Equal(t, []string{"kept"}, one.Event().Header["X-Own"])
	other := reported["sync.failed"]
	require.NotNil(t, other)
	require.EqualValues(t, 1, other.Deliveries())
	require.Equal(t, r.asMessage(t, stream.StreamEvents, outcome.Sequence), other.Event())
	r.settledAllOf(t, stream.StreamAdvisories, stream.ConsumerMaxDeliveries)
}

// Advisories published without a consumer, or during a restart of the server, are not missed.
func TestExhaustedMessagesAreReportedLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	commands := r.lowerMaxDeliver(t, stream.StreamCommands, stream.ConsumerControl, 1)
	r.send(t, "sync.control", "x")
	takeAndCrash(t, commands)
	r.exceedMaxDeliveries(t, stream.ConsumerControl, 1)
	r.stopServer(t)
	r.startServer(t)
	r.ready(t)
	require.Equal(t, "sync.control", r.exhausted(t).await(t, 1)[0].Event().Subject)
}

func TestAnAdvisoryIsRedeliveredUntilItIsSettled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	commands := r.lowerMaxDeliver(t, stream.StreamCommands, stream.ConsumerRequests, 1)
	r.send(t, "sync.requested", "x")
	takeAndCrash(t, commands)
	r.exceedMaxDeliveries(t, stream.ConsumerRequests, 1)
	var reported seen[events.Message]
	r.consume(t, stream.ConsumerMaxDeliveries, many, func(ctx context.Context, batch []*stream.Message) error {
		return r.conn.ForEachExhausted(ctx, batch, func(l *stream.Exhausted) error {
			reported.add(l.Event())
			if len(reported.list()) == 1 {
				return l.Retry(time.Hour) // advisories have their own delay
			}
			return l.Ack(ctx)
		})
	})
	require.Len(t, reported.await(t, 2), 2)
	r.settledAllOf(t, stream.StreamAdvisories, stream.ConsumerMaxDeliveries)
}

func TestStaleAdvisoriesAreTerminated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.requested", "x")
	const subject = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.SYNC_COMMANDS.bridge-requests"
	for _, forged := range []string{
		"not JSON",
		`{"stream":"SYNC_COMMANDS","consumer":"somebody","stream_seq":1,"deliveries":1}`,
		`{"stream":"SYNC_EVENTS","consumer":"bridge-requests","stream_seq":1,"deliveries":1}`,
		`{"stream":"SYNC_COMMANDS","consumer":"bridge-requests","stream_seq":99,"deliveries":1}`,
	} {
		r.send(t, subject, forged)
	}
	r.send(t, subject, `{"stream":"SYNC_COMMANDS","consumer":"bridge-requests","stream_seq":1,"deliveries":7}`)
	reported := r.exhausted(t).await(t, 1)
	require.EqualValues(t, 7, reported[0].Deliveries())
	r.settledAllOf(t, stream.StreamAdvisories, stream.ConsumerMaxDeliveries)
	require.Equal(t, 3, r.log.Count("names no message of lazisync"))
	require.Equal(t, 1, r.log.Count("message 99 of SYNC_COMMANDS was not acknowledged in 1 deliveries and no longer exists"))
}
