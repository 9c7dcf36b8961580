package bridge_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

const tenantWorkflow = "incremental-sync-985"

// signalNames lists the names of the signals that a workflow received.
func (w *world) signalNames(workflowID string) (names []string) {
	for _, s := range w.temporal.Signals(workflowID) {
		names = append(names, s.Name)
	}
	return names
}

// recordedOnly is a world with a request r1 that is recorded, and not given to Temporal, which is unavailable.
func recordedOnly(t *testing.T, mode events.Mode) (w *world, request *message) {
	t.Helper()
	w = newWorld(t)
	down := errors.New("connection refused")
	w.failures["Start"], w.failures["SignalWithStart"] = down, down
	request = w.requested(t, "r1", events.RequestData{Mode: mode})
	require.ErrorIs(t, w.requests(request), down)
	require.Equal(t, ledger.Received, w.request("r1").State)
	return w, request
}

func (w *world) startsAgain() { delete(w.failures, "Start"); delete(w.failures, "SignalWithStart") }

// A request whose workflow has not started is not finished: it runs once Temporal is available.
func TestAControlByWorkflowWaitsForARecordedRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode    events.Mode
		action  events.Action
		starts  func(t *testing.T, w *world, request *message)
		signals []string
	}{
		"pause of a full, reconciled":          {events.Full, events.Pause, reconciled, []string{"pause"}},
		"cancel of a full, reconciled":         {events.Full, events.Cancel, reconciled, []string{"cancel"}},
		"pause of a full, redelivered":         {events.Full, events.Pause, redelivered, []string{"pause"}},
		"cancel of a full, redelivered":        {events.Full, events.Cancel, redelivered, []string{"cancel", "cancel"}},
		"pause of an incremental, reconciled":  {events.Incremental, events.Pause, reconciled, []string{"wake", "pause"}},
		"cancel of an incremental, reconciled": {events.Incremental, events.Cancel, reconciled, []string{"wake", "cancel"}},
		"cancel of an incremental, redelivery": {events.Incremental, events.Cancel, redelivered, []string{"wake", "cancel"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, request := recordedOnly(t, c.mode)
			workflowID := w.request("r1").WorkflowID
			m := w.control(t, "c1", events.ControlData{Action: c.action, WorkflowID: workflowID})
			require.NoError(t, w.controls(m))
			require.Empty(t, w.rejections(t))
			require.Equal(t, "acked", m.ended)
			require.Equal(t, ledger.ControlPending, w.recorded("c1").State)

			w.startsAgain()
			c.starts(t, w, request)
			require.Equal(t, c.signals, w.signalNames(workflowID))
			require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
			require.Equal(t, []string{events.RequestID("/test", "r1") + "/accepted", events.RequestID("/test", "c1") + "/accepted"}, w.ids())
		})
	}
}

func reconciled(t *testing.T, w *world, _ *message) {
	t.Helper()
	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.reconcile())
}

func redelivered(t *testing.T, w *world, request *message) {
	t.Helper()
	request.deliveries++
	require.NoError(t, w.requests(request))
}

// The workflow of a tenant has closed, and a request waits for the next one.
func TestAControlByWorkflowWaitsForAQueuedRequest(t *testing.T) {
	t.Parallel()
	w := running(t)
	w.finish(t, tenantWorkflow, ledger.Completed)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Pause, WorkflowID: tenantWorkflow})))
	require.Equal(t, ledger.ControlPending, w.recorded("c1").State)
	w.now = w.now.Add(29 * time.Second)
	require.NoError(t, w.reconcile())
	require.Equal(t, ledger.ControlPending, w.recorded("c1").State)
	w.now = w.now.Add(2 * time.Second)
	require.NoError(t, w.reconcile())
	require.Equal(t, []string{"wake", "pause"}, w.signalNames(tenantWorkflow))
	require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
	require.Empty(t, w.rejections(t))
}

// A control of an idle workflow does not wait for what is received after it, such as a second pass that is not due.
func TestAControlByWorkflowDoesNotWaitForLaterRequests(t *testing.T) {
	t.Parallel()
	w := running(t)
	later := w.request("i3")
	w.finish(t, tenantWorkflow, ledger.Completed)
	require.NoError(t, w.controls(w.control(t, "c0", events.ControlData{Action: events.Cancel, RequestID: "i3"})))
	later.ID, later.EventID, later.Source, later.Wait, later.RunNumber = "later", "later", ledger.SecondPassSource, 5*time.Minute, 0
	_, err := w.worker().Receive(t.Context(), []ledger.Request{later})
	require.NoError(t, err)
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Pause, WorkflowID: tenantWorkflow})))
	require.Equal(t, []string{`finishedRun: workflowId: got "` + tenantWorkflow + `", which is finished, want a run that is not finished`}, w.rejections(t))
}

// The first of two controls waits, and the workflow starts before the second one arrives.
func TestControlsByWorkflowStayInOrderAfterOneWaited(t *testing.T) {
	t.Parallel()
	w, request := recordedOnly(t, events.Full)
	full := w.request("r1").WorkflowID
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Pause, WorkflowID: full})))
	w.startsAgain()
	w.failures["Accept"] = errors.New("connection refused")
	request.deliveries++
	require.Error(t, w.requests(request), "the workflow has started")
	delete(w.failures, "Accept")
	require.NoError(t, w.controls(w.control(t, "c2", events.ControlData{Action: events.Resume, WorkflowID: full})))
	require.Equal(t, []string{"pause", "resume"}, w.signalNames(full))
	require.Equal(t, []string{events.RequestID("/test", "c1") + "/accepted", events.RequestID("/test", "c2") + "/accepted"}, w.ids())
	require.Equal(t, workflows.ExecutionOpen, w.temporal.Execution(full).Status)
}
