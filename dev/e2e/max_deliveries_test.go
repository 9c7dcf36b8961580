package e2e

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// A request that crashes its consumer at each delivery, until it exceeds the maximum deliveries.
func TestExhaustedRequestIsRejectedAndCanBeReplayed(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	found, err := w.js.Consumer(t.Context(), "SYNC_COMMANDS", "bridge-requests")
	require.NoError(t, err)
	declared := found.CachedInfo().Config
	config := declared
	config.MaxDeliver, config.AckWait = 1, 100*time.Millisecond
	found, err = w.js.UpdateConsumer(t.Context(), "SYNC_COMMANDS", config)
	require.NoError(t, err)

	id := "deadly-" + w.tenant // the tests share Temporal
	requestID := events.RequestID(testSource, id)
	body := structured("sync.requested", id, `{"mode":"full"}`)
	w.publish(t, "sync.requested", body, structuredHeader...)
	m, err := found.Next(jetstream.FetchMaxWait(waitLimit))
	require.NoError(t, err)
	require.Equal(t, body, string(m.Data()), "before its consumer crashes")

	w.start(t, "serve")
	_, d := w.rejected(t, func(d events.RejectedData) bool { return d.RequestID == requestID })
	require.Equal(t, events.CodeExpired, d.Code)
	require.Equal(t, "got 1 deliveries without an acknowledgement, want an acknowledged delivery; replay the dead letter, or publish the command again", d.Reason)
	deadLetter := w.deadLetter(t, d.DeadLetter)
	require.Equal(t, body, string(deadLetter.Data))
	require.Equal(t, "1", deadLetter.Header.Get("Lazisync-Attempts"))

	// A busy bridge needs longer than this ack wait for the replay.
	_, err = w.js.UpdateConsumer(t.Context(), "SYNC_COMMANDS", declared)
	require.NoError(t, err)
	again := w.run(t, "deadletter", "replay", "--code", "expired")
	require.Zero(t, again.code, again.errors)
	w.outcome(t, "sync.completed", requestID)
	w.requireEqual(t)
	w.requireNotifiedOnce(t)
}
