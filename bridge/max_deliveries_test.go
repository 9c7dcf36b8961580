package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/stretchr/testify/require"
)

func (w *world) exhaust(m *message) error {
	m.deliveries = 1000
	return w.bridge.HandleMaxDeliveries(context.Background(), m)
}

const exhausted = "expired: got 1000 deliveries without an acknowledgement, want an acknowledged delivery; replay the dead letter, or publish the command again"

func TestExhaustedCommandsAreDeadLetteredAndRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	request := w.requested(t, "e1", events.RequestData{Mode: events.Full})
	control := w.control(t, "c1", events.ControlData{Action: events.Pause, WorkflowID: "full-sync-x"})
	unread := w.raw("sync.requested", "Status: 409")
	for _, m := range []*message{request, control, unread} {
		require.NoError(t, w.exhaust(m))
		require.Contains(t, m.ended, "terminated")
	}
	require.Equal(t, []string{
		exhausted, exhausted, "notJson: got invalid JSON (byte 1: invalid character 'S' looking for beginning of value), want one JSON object",
	}, w.rejections(t))
	answers := published(t, w, events.Rejected)
	require.Equal(t, events.RequestID("/test", "e1"), answers[0].RequestID)
	require.Equal(t, events.KindControl, answers[1].Kind)
	require.Len(t, w.publisher.DeadLetters(), 3)
	for i, m := range []*message{request, control, unread} {
		require.Equal(t, m.event, w.publisher.DeadLetters()[i].Message)
		require.EqualValues(t, 1000, w.publisher.DeadLetters()[i].Attempts)
	}
	require.Empty(t, w.temporal.Executions())

	again := w.requested(t, "e1", events.RequestData{Mode: events.Full}) // as a replay does
	require.NoError(t, w.requests(again))
	require.Len(t, published(t, w, events.Accepted), 1, "a replay has an answer of its own")
}

func TestExhaustedCommandsInTheLedgerAreProcessed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	received := w.requested(t, "received", events.RequestData{Mode: events.Full})
	w.failures["Start"] = errors.New("no answer in time")
	require.Error(t, w.requests(received))
	delete(w.failures, "Start")
	require.NoError(t, w.exhaust(received))
	require.Equal(t, "acked", received.ended)
	require.Equal(t, ledger.Accepted, w.request("received").State)

	accepted := w.requested(t, "accepted", events.RequestData{Mode: events.Full})
	w.failures["Publish"] = errors.New("no room")
	require.Error(t, w.requests(accepted))
	delete(w.failures, "Publish")
	require.NoError(t, w.exhaust(accepted))
	require.Equal(t, "acked", accepted.ended)

	control := w.control(t, "c1", events.ControlData{Action: events.Pause, WorkflowID: w.request("accepted").WorkflowID})
	w.failures["Publish"] = errors.New("no room")
	require.Error(t, w.controls(control))
	delete(w.failures, "Publish")
	require.NoError(t, w.exhaust(control))
	require.Equal(t, "acked", control.ended)

	require.Empty(t, w.rejections(t))
	require.Len(t, w.temporal.Executions(), 2)
	require.Len(t, w.temporal.Signals(w.request("accepted").WorkflowID), 1, "applied once")
	require.Len(t, published(t, w, events.Accepted), 3)
}

func TestAnExhaustedOutcomeIsDeadLettered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.raw("sync.failed", `{"what":"not notified"}`)
	require.NoError(t, w.exhaust(m))
	require.Equal(t, "acked", m.ended)
	require.Equal(t, m.event, w.publisher.DeadLetters()[0].Message)
	require.Empty(t, w.publisher.Events(), "events are not answered")
}

func TestAnExhaustedMessageIsRetriedDuringAnOutage(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"FindRequests", "DeadLetter", "Publish"} {
		w := newWorld(t)
		down := errors.New("connection refused")
		w.failures[step] = down
		m := w.requested(t, "e1", events.RequestData{Mode: events.Full})
		require.ErrorIs(t, w.exhaust(m), down, step)
		require.Empty(t, m.ended, step)
		require.Len(t, m.delays, 1, step)
		delete(w.failures, step)
		require.NoError(t, w.exhaust(m))
		require.Equal(t, []string{exhausted}, w.rejections(t), step)
	}
}

func TestABusyWorkflowDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy := errors.New("workflow is busy")
	w.failing = func(detail string) error {
		if detail == "full-sync-"+events.RequestID("/test", "busy") {
			return busy
		}
		return nil
	}
	messages := []*message{w.requested(t, "busy", events.RequestData{Mode: events.Full})}
	for i := range 40 {
		messages = append(messages, w.requested(t, fmt.Sprint("other", i), events.RequestData{Mode: events.Full}))
	}
	require.ErrorIs(t, w.requests(messages...), busy)
	require.Empty(t, messages[0].ended)
	for _, m := range messages[1:] {
		require.Equal(t, "acked", m.ended)
	}
}
