package streamtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

func answers(t testing.TB, n int) []events.Event {
	t.Helper()
	all := make([]events.Event, n)
	for i := range all {
		event, err := events.Accepted.New(events.Attributes{ID: fmt.Sprintf("a-%d", i), Source: "/test"}, events.AcceptedData{
			Kind: events.KindRequest, RequestID: fmt.Sprint(i), Event: events.EventRef{Source: "/test", ID: fmt.Sprint(i)}, WorkflowID: "w",
		})
		require.NoError(t, err)
		all[i] = event
	}
	return all
}

// batchOf returns the id of the atomic batch that brought the message with a sequence.
func (r *rig) batchOf(t *testing.T, sequence uint64) string {
	t.Helper()
	m := r.message(t, stream.StreamEvents, sequence)
	require.Contains(t, string(m.Data), fmt.Sprintf(`"a-%d"`, sequence-1), "the order is kept")
	return m.Header.Get("Nats-Batch-Id")
}

func TestAnswersAreStoredInBatches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	all := answers(t, 1500)
	for _, err := range r.conn.PublishAll(ctx(t), all) {
		require.NoError(t, err)
	}
	require.EqualValues(t, len(all), r.stored(t, stream.StreamEvents))
	require.NotEmpty(t, r.batchOf(t, 1))
	require.Equal(t, r.batchOf(t, 1), r.batchOf(t, 1000))
	require.NotEqual(t, r.batchOf(t, 1000), r.batchOf(t, 1001), "the server limits batches to 1000 messages")
	require.Equal(t, r.batchOf(t, 1001), r.batchOf(t, 1500))

	for _, err := range r.conn.PublishAll(ctx(t), all) {
		require.NoError(t, err)
	}
	require.EqualValues(t, len(all), r.stored(t, stream.StreamEvents), "each is stored once")
}

// A batch is stored as a whole or not at all, and one message that the stream has already is
// enough for the second.
func TestABatchWithAKnownAnswerIsStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	all := answers(t, 10)
	require.NoError(t, r.conn.Publish(ctx(t), all[0]))
	for _, err := range r.conn.PublishAll(ctx(t), all) {
		require.NoError(t, err)
	}
	require.EqualValues(t, len(all), r.stored(t, stream.StreamEvents))
	require.Empty(t, r.batchOf(t, 10))
}

// Roles may be newer than the stream: "lazisync migrate" allows batches.
func TestAnswersAreStoredInAStreamWithoutBatches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	config := r.config(t, stream.StreamEvents)
	require.True(t, config.AllowAtomicPublish)
	config.AllowAtomicPublish = false
	_, err := r.js.UpdateStream(ctx(t), config)
	require.NoError(t, err)
	require.NoError(t, r.conn.Ready(ctx(t)))
	all := answers(t, 10)
	for _, err := range r.conn.PublishAll(ctx(t), all) {
		require.NoError(t, err)
	}
	require.EqualValues(t, len(all), r.stored(t, stream.StreamEvents))
	require.Empty(t, r.batchOf(t, 10))
}
