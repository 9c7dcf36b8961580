package bridge_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// The scripts of sequences that failed, each as a test.

// answers lists the answers to a message, by the type of the event.
func (w *world) answers(t *testing.T, m *message) (types []string) {
	t.Helper()
	for _, e := range w.publisher.Events() {
		switch e.Type() {
		case events.Accepted.Name:
			data, err := events.Accepted.Data(e)
			require.NoError(t, err)
			if data.Message == m.event.Place() {
				types = append(types, "accepted")
			}
		case events.Rejected.Name:
			if len(e.ID()) > len(m.event.Place()) && e.ID()[:len(m.event.Place())+1] == m.event.Place()+"/" {
				types = append(types, "rejected")
			}
		}
	}
	return types
}

// A control is repeated before its request arrives. The ledger has only the first message, so that the
// repetition waits for the first one to be settled.
func TestARepetitionOfAPendingControlIsAnswered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		requested bool
		want      string
	}{"the request arrives": {true, "accepted"}, "the request never arrives": {false, "rejected"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			cancel := events.ControlData{Action: events.Cancel, RequestID: "e1"}
			first, second := w.control(t, "c1", cancel), w.control(t, "c1", cancel)
			require.NoError(t, w.controls(first, second))
			require.Equal(t, "acked", first.ended)
			require.Empty(t, second.ended)
			require.Equal(t, []time.Duration{time.Second}, second.delays, "redelivered")
			second.deliveries = 1000
			require.NoError(t, w.controls(second))
			require.Equal(t, 30*time.Second, second.delays[1], "not later than the control is rejected")

			if c.requested {
				require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
			} else {
				w.now = w.now.Add(time.Minute)
				require.NoError(t, w.reconcile())
			}
			for second.ended == "" { // a rejected control is pending again: it waits once more
				require.NoError(t, w.controls(second))
				w.now = w.now.Add(time.Minute)
				require.NoError(t, w.reconcile())
			}
			require.Equal(t, []string{c.want}, w.answers(t, first))
			require.Equal(t, []string{c.want}, w.answers(t, second))
		})
	}
}

// The rejection of a control is not published yet when another message repeats the control. The
// repetition must not take its place in the ledger.
func TestARepetitionKeepsARejectionThatIsNotPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pause := w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "never"})
	require.NoError(t, w.controls(pause))
	w.now = w.now.Add(time.Minute)
	w.failures["Publish"] = errors.New("no leader")
	require.Error(t, w.reconcile())
	require.Equal(t, ledger.ControlRejected, w.recorded("c1").State)
	delete(w.failures, "Publish")

	again := w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "never"})
	require.NoError(t, w.controls(again))
	require.Equal(t, []string{"rejected"}, w.answers(t, again))
	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.reconcile())
	require.Equal(t, []string{"rejected"}, w.answers(t, pause))
}

// A repetition finds that a pending control can never be applied. Its own answer is not that to the
// message that brought the control.
func TestARepetitionThatIsRejectedLeavesTheAnswerToTheFirstMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pause := w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "e1"})
	require.NoError(t, w.controls(pause))
	w.failures["Publish"] = errors.New("no leader")
	m := w.requested(t, "e1", events.RequestData{Mode: events.Full})
	require.Error(t, w.requests(m))
	delete(w.failures, "Publish")
	w.serve(t, "e1")
	w.finish(t, w.request("e1").WorkflowID, ledger.Completed)

	again := w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "e1"})
	require.NoError(t, w.controls(again))
	require.Equal(t, []string{"rejected"}, w.answers(t, again), "its request is finished")
	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.reconcile())
	require.Equal(t, []string{"rejected"}, w.answers(t, pause))
}

// The acknowledgement of a rejected control is lost. It is redelivered after a replay of its dead letter
// was applied: it has its answer, and the replay has another one.
func TestARedeliveryAfterAReplayIsNotAnsweredAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cancel := events.ControlData{Action: events.Cancel, WorkflowID: "incremental-sync-985"}
	first, replay := w.control(t, "c1", cancel), w.control(t, "c1", cancel)
	require.NoError(t, w.controls(first))
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Incremental})))
	require.NoError(t, w.controls(replay))
	first.deliveries++
	require.NoError(t, w.controls(first))
	require.Equal(t, "acked", first.ended)
	require.Equal(t, []string{"rejected"}, w.answers(t, first))
	require.Equal(t, []string{"accepted"}, w.answers(t, replay))
	require.Len(t, w.temporal.Signals("incremental-sync-985"), 2, "wake, and one cancel")

	again := w.control(t, "c1", cancel)
	again.deliveries++ // its bridge crashed before it did anything
	require.NoError(t, w.controls(again))
	require.Equal(t, []string{"accepted"}, w.answers(t, again), "a later repetition is answered")
}

// The acknowledgement of a repetition is lost, and the request has its outcome when the message is
// redelivered. The answer has no outcome, as the first time.
func TestARedeliveredRepetitionHasOneAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.requested(t, "e1", events.RequestData{Mode: events.Full}), w.requested(t, "e1", events.RequestData{Mode: events.Full})
	require.NoError(t, w.requests(first))
	w.failures["ack"] = errors.New("no answer in time")
	require.Error(t, w.requests(second))
	delete(w.failures, "ack")
	w.serve(t, "e1")
	w.finish(t, w.request("e1").WorkflowID, ledger.Completed)
	second.deliveries++
	require.NoError(t, w.requests(second))
	require.Equal(t, []string{"accepted"}, w.answers(t, second))
}

// A worker publishes the start of a pass and crashes before Temporal knows. One of its requests is
// cancelled, and the next attempt publishes the start again.
func TestTheStartOfAPassIsPublishedOnceAlthoughARequestIsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Incremental}), w.requested(t, "e2", events.RequestData{Mode: events.Incremental})))
	run := w.serve(t, "e1")
	publish := func() {
		t.Helper()
		current, err := w.worker().Run(t.Context(), run.Number)
		require.NoError(t, err)
		started, err := current.StartedEvents()
		require.NoError(t, err)
		require.NoError(t, errors.Join(w.publisher.PublishAll(t.Context(), started)...))
	}
	publish()
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "e1"})))
	publish()
	starts := slices.DeleteFunc(w.ids(), func(id string) bool { return id[:5] != run.FirstRunID })
	require.Equal(t, []string{"run-1/1/com.lazi.sync.started.v1"}, starts)
}

// A control is rejected when it is repeated, and the first message is answered last. The acknowledgement of
// the repetition is lost. Redelivered, it is no replay: its run is finished now, which would be another answer.
func TestARedeliveredRepetitionOfARejectedControlIsNotAReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	resume := events.ControlData{Action: events.Resume, RequestID: "e1"}
	first, second := w.control(t, "c1", resume), w.control(t, "c1", resume)
	require.NoError(t, w.controls(first))
	w.failures["PendingControls"] = errors.New("no connection")
	require.Error(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Incremental})))
	delete(w.failures, "PendingControls")
	require.NoError(t, w.controls(second))
	require.Equal(t, []string{"rejected"}, w.answers(t, second), "it applies to all requests of an incremental")
	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.reconcile())
	require.Equal(t, []string{"rejected"}, w.answers(t, first))
	w.serve(t, "e1")
	w.finish(t, w.request("e1").WorkflowID, ledger.Completed)
	w.redeliver(t, second, "rejected")
}

// As before, and what the control names exists when the repetition is redelivered. It must not be applied
// after it was rejected.
func TestARedeliveredRepetitionOfARejectedControlIsNotApplied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pause := events.ControlData{Action: events.Pause, WorkflowID: "incremental-sync-985"}
	first, second := w.control(t, "c1", pause), w.control(t, "c1", pause)
	w.failures["Publish"] = errors.New("no leader")
	require.Error(t, w.controls(first))
	delete(w.failures, "Publish")
	require.NoError(t, w.controls(second))
	first.deliveries++
	require.NoError(t, w.controls(first))
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Incremental})))
	w.redeliver(t, second, "rejected")

	third := w.control(t, "c1", pause)
	require.NoError(t, w.controls(third))
	require.Equal(t, []string{"accepted"}, w.answers(t, third), "a later message is a replay")
}

// A bridge publishes a rejection, and its acknowledgement is lost until the message has had too many deliveries.
// The id of the control is that of a request, so that the ledger does not have the control.
func TestARejectedControlWithTooManyDeliveriesHasOneAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
	m := w.control(t, "e1", events.ControlData{Action: events.Pause, WorkflowID: "incremental-sync-985"})
	require.NoError(t, w.controls(m))
	m.deliveries = 1000
	require.NoError(t, w.bridge.HandleMaxDeliveries(t.Context(), m))
	require.Equal(t, []string{"rejected"}, w.answers(t, m))
}

// redeliver delivers a settled control again, whose answer must remain the only one.
func (w *world) redeliver(t *testing.T, m *message, answer string) {
	t.Helper()
	before := w.recorded("c1")
	m.deliveries++
	require.NoError(t, w.controls(m))
	require.Equal(t, []string{answer}, w.answers(t, m))
	require.Equal(t, before, w.recorded("c1"))
}

// Two messages of a request are delivered together, and its early cancel fails: neither may be answered,
// because the second relies on the call that the first one makes.
func TestARepetitionWithinABatchFailsWithTheFirstDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "e1"})))
	first, second := w.requested(t, "e1", events.RequestData{Mode: events.Incremental}), w.requested(t, "e1", events.RequestData{Mode: events.Incremental})
	w.failures["FindRequests"] = errors.New("no connection")
	require.Error(t, w.requests(first, second))
	require.Empty(t, first.ended+second.ended)
	require.Empty(t, w.answers(t, second))
	delete(w.failures, "FindRequests")

	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.reconcile())
	require.NoError(t, w.requests(first, second))
	for _, m := range []*message{first, second} {
		require.Equal(t, "acked", m.ended)
		require.Equal(t, []string{"accepted"}, w.answers(t, m))
	}
}
