package bridge_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/stretchr/testify/require"
)

// webhook makes a message as the gateway does of a delivery.
func (w *world) webhook(t *testing.T, id string, entities ...string) *message {
	t.Helper()
	event, err := events.Requested.New(events.Attributes{ID: id, Source: ledger.WebhookSource + "985"},
		events.RequestData{Mode: events.Incremental, Entities: entities})
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	m := w.raw(events.Requested.Subject, string(encoded))
	m.event.Header = events.Header(event)
	return m
}

// second lists the second passes that the ledger holds.
func (w *world) second() []ledger.Request {
	return w.ofSource(ledger.SecondPassSource)
}

func TestWebhooksCauseASecondPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.SecondPass = 5 * time.Minute
	w.bridge.Recorder = recorder{reconciled: func(what string, _ int) {
		require.NotEqual(t, "requests_started", what, "nothing was broken")
	}}
	w.now = w.now.Add(10 * time.Second)
	require.NoError(t, w.requests(w.webhook(t, "d1", "jobs")))
	require.Equal(t, 1, w.count("SignalWithStart"))
	second := w.second()
	require.Len(t, second, 1)
	require.Equal(t, []string{"jobs"}, second[0].Entities)
	require.Equal(t, "incremental-sync-985", second[0].WorkflowID)

	received := w.now
	w.now = received.Add(5*time.Minute - time.Second)
	require.NoError(t, w.reconcile())
	require.Equal(t, 1, w.count("SignalWithStart"), "its time has not come")

	w.now = received.Add(5*time.Minute + 30*time.Second)
	require.NoError(t, w.reconcile())
	require.Equal(t, 2, w.count("SignalWithStart"))
	answers := published(t, w, events.Accepted)
	require.Equal(t, second[0].ID, answers[len(answers)-1].RequestID, "it is answered as any request is")
}

// The second pass of a webhook that names a record reads all changes of the entity.
func TestASecondPassIsNoRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.SecondPass = 5 * time.Minute
	m := w.webhook(t, "d1", "jobs")
	m.event.Data = bytes.Replace(m.event.Data, []byte(`"entities":`), []byte(`"ids":["17"],"entities":`), 1)
	require.NoError(t, w.requests(m))
	webhooks := w.ofSource(ledger.WebhookSource + "985")
	require.Len(t, webhooks, 1)
	require.Equal(t, []string{"17"}, webhooks[0].IDs)
	require.Len(t, w.second(), 1)
	require.False(t, w.second()[0].IsRefresh())
	require.Equal(t, []string{"jobs"}, w.second()[0].Entities)
}

// A pass that claims a due second pass before the reconciler does must not leave it without an answer.
func TestASecondPassThatARunClaimedFirstIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.SecondPass = 5 * time.Minute
	require.NoError(t, w.requests(w.webhook(t, "d1", "jobs")))
	second := w.second()[0]
	w.now = w.now.Add(6 * time.Minute)
	w.begin(t, second)
	require.NoError(t, w.reconcile())
	require.NoError(t, w.reconcile())
	w.requireOneAnswer(t, second.EventID)
}

func TestManyWebhooksShareSecondPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.SecondPass = 5 * time.Minute
	for i := range 600 { // a minute of ten a second
		w.now = w.now.Add(100 * time.Millisecond)
		require.NoError(t, w.requests(w.webhook(t, fmt.Sprint("jobs-", i), "jobs"), w.webhook(t, fmt.Sprint("any-", i))))
	}
	require.LessOrEqual(t, len(w.second()), 2*3, "of two sets of entities, one each per half minute")

	w.effects = nil
	w.now = w.now.Add(6 * time.Minute)
	require.NoError(t, w.reconcile())
	require.Equal(t, 1, w.count("SignalWithStart"), "and one pass serves them all")
}

func TestOnlyWebhooksCauseSecondPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.SecondPass = 5 * time.Minute
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Incremental}), w.requested(t, "e2", events.RequestData{Mode: events.Full})))
	require.Empty(t, w.second())
	w.bridge.SecondPass = 0
	require.NoError(t, w.requests(w.webhook(t, "d1")))
	require.Empty(t, w.second(), "switched off")
}

// Whatever dies wherever: a webhook that was recorded has its second pass recorded.
func TestASecondPassIsRecordedWithItsWebhook(t *testing.T) {
	t.Parallel()
	for crashAt := 1; crashAt <= 5; crashAt++ {
		w := newWorld(t)
		w.bridge.SecondPass = 5 * time.Minute
		w.crashAt = crashAt
		m := w.webhook(t, "d1", "jobs")
		_ = w.requests(m)
		w.restart()
		require.Len(t, w.second(), 1)
		m.deliveries++
		require.NoError(t, w.requests(m))
		require.Len(t, w.second(), 1, "a redelivery adds none")
	}
}
