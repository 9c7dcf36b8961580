package bridge_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
)

// A workflow receives a control and ends because of it, before the bridge has settled the control. The redelivered
// message must not be answered as too late.
func TestARedeliveredControlThatEndedItsRunIsAccepted(t *testing.T) {
	t.Parallel()
	full := workflows.FullSyncID(events.RequestID("/test", "f1"))
	for name, c := range map[string]struct {
		control events.ControlData
		ends    ledger.RunState
	}{
		"cancel by workflow":     {events.ControlData{Action: events.Cancel, WorkflowID: full}, ledger.Cancelled},
		"resume by workflow":     {events.ControlData{Action: events.Resume, WorkflowID: full}, ledger.Completed},
		"pause by workflow":      {events.ControlData{Action: events.Pause, WorkflowID: full}, ledger.Failed},
		"cancel by request":      {events.ControlData{Action: events.Cancel, RequestID: "f1"}, ledger.Cancelled},
		"resume by request":      {events.ControlData{Action: events.Resume, RequestID: "f1"}, ledger.Completed},
		"cancel of incrementals": {events.ControlData{Action: events.Cancel, WorkflowID: tenantWorkflow}, ledger.Cancelled},
		"resume of incrementals": {events.ControlData{Action: events.Resume, WorkflowID: tenantWorkflow}, ledger.Completed},
	} {
		for _, lost := range []string{"SettleControl", "the response of Signal"} {
			t.Run(name+" without "+lost, func(t *testing.T) {
				t.Parallel()
				w := running(t)
				require.NoError(t, w.controls(w.control(t, "c0", events.ControlData{Action: events.Cancel, RequestID: "i3"})))
				w.publisher.Clear()
				workflowID, _ := w.targetOf(c.control)
				if lost == "SettleControl" {
					w.failures[lost] = errors.New("connection refused")
				} else {
					w.loseResponse("Signal")
				}
				m := w.control(t, "c1", c.control)
				require.Error(t, w.controls(m))
				require.Len(t, w.temporal.Signals(workflowID), 1, "the workflow has the control")
				delete(w.failures, "SettleControl")

				w.finish(t, workflowID, c.ends)
				m.deliveries++
				require.NoError(t, w.controls(m))
				require.Empty(t, w.rejections(t))
				require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
				answers := published(t, w, events.Accepted)
				require.Len(t, answers, 1)
				require.Equal(t, workflowID, answers[0].WorkflowID)
			})
		}
	}
}

// Another cancel comes too late. That of a cancelled request succeeds all the same.
func TestALaterCancelOfACancelledRun(t *testing.T) {
	t.Parallel()
	w := running(t)
	full := w.request("f1").WorkflowID
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, WorkflowID: full})))
	w.finish(t, full, ledger.Cancelled)
	require.NoError(t, w.controls(
		w.control(t, "c2", events.ControlData{Action: events.Cancel, WorkflowID: full}),
		w.control(t, "c3", events.ControlData{Action: events.Cancel, RequestID: "f1"}),
	))
	require.Equal(t, ledger.ControlRejected, w.recorded("c2").State)
	require.Equal(t, events.CodeFinishedRun, w.recorded("c2").Rejection.Code)
	require.Equal(t, ledger.ControlApplied, w.recorded("c3").State)
}

// targetOf returns the workflow that a control of the world of running names.
func (w *world) targetOf(c events.ControlData) (workflowID string, isRequest bool) {
	if c.WorkflowID != "" {
		return c.WorkflowID, false
	}
	return w.request(c.RequestID).WorkflowID, true
}

// loseResponse lets the next call of a method of Temporal take effect and fail.
func (w *world) loseResponse(method string) {
	w.temporal.Call = func(op memory.Op, do func() error) error {
		err := w.call(op, do)
		if err == nil && op.Method == method {
			w.temporal.Call = w.call
			err = errors.New("context deadline exceeded")
		}
		return err
	}
}

// The outcome of a run says whether it was cancelled: a cancel that came too late is rejected although it was sent.
func TestARedeliveredCancelOfACompletedRunIsRejected(t *testing.T) {
	t.Parallel()
	w := running(t)
	full := w.request("f1").WorkflowID
	m := w.control(t, "c1", events.ControlData{Action: events.Cancel, WorkflowID: full})
	w.failures["SettleControl"] = errors.New("connection refused")
	require.Error(t, w.controls(m))
	delete(w.failures, "SettleControl")
	w.finish(t, full, ledger.Completed)
	m.deliveries++
	require.NoError(t, w.controls(m))
	require.Equal(t, []string{`finishedRun: workflowId: got "` + full + `", which is finished, want a run that is not finished`}, w.rejections(t))
}

// A control that was not sent, because its workflow had ended, stays too late when the message is redelivered.
func TestARedeliveredControlThatCameTooLateIsRejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ends func(t *testing.T, w *world, full string)
		want int // controls that are recorded as sent
	}{
		"finished":   {func(t *testing.T, w *world, full string) { w.finish(t, full, ledger.Completed) }, 0},
		"terminated": {func(_ *testing.T, w *world, full string) { w.temporal.SetStatus(full, workflows.ExecutionTerminated) }, 0},
		"deleted":    {func(_ *testing.T, w *world, full string) { w.temporal.SetStatus(full, workflows.ExecutionNotFound) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := running(t)
			full := w.request("f1").WorkflowID
			c.ends(t, w, full)
			m := w.control(t, "c1", events.ControlData{Action: events.Resume, WorkflowID: full})
			w.failures["SettleControl"] = errors.New("connection refused")
			require.Error(t, w.controls(m))
			require.Equal(t, c.want, w.count("MarkControlSignalled"))
			delete(w.failures, "SettleControl")
			m.deliveries++
			require.NoError(t, w.controls(m))
			require.Equal(t, ledger.ControlRejected, w.recorded("c1").State)
		})
	}
}

// A workflow may end between the lookup of its status and the signal, and its run may end after it was looked up.
func TestACancelOfARunThatIsCancelledMeanwhileIsAccepted(t *testing.T) {
	t.Parallel()
	for name, control := range map[string]events.ControlData{
		"by workflow": {Action: events.Cancel, WorkflowID: workflows.FullSyncID(events.RequestID("/test", "f1"))},
		"by request":  {Action: events.Cancel, RequestID: "f1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := running(t)
			w.before = func(method string) {
				if method == "Signal" {
					w.before = nil
					w.finish(t, w.request("f1").WorkflowID, ledger.Cancelled)
				}
			}
			require.NoError(t, w.controls(w.control(t, "c1", control)))
			require.Empty(t, w.rejections(t))
			require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
		})
	}
}

// A cancel that came before its request starts the workflow, which may have ended before the bridge signals it
// once more.
func TestAnEarlyCancelOfAShortWorkflowIsAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	full := workflows.FullSyncID(events.RequestID("/test", "f1"))
	require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Cancel, RequestID: "f1"})))
	w.before = func(method string) {
		if method == "MarkControlSignalled" { // the run begins and ends between the lookup of the request and the signal
			w.before = nil
			w.serve(t, "f1")
			w.finish(t, full, ledger.Cancelled)
		}
	}
	require.NoError(t, w.requests(w.requested(t, "f1", events.RequestData{Mode: events.Full})))
	require.Empty(t, w.rejections(t))
	require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
}

// The ledger was restored to an earlier state and lacks the requests of a workflow that runs.
func TestARedeliveredControlOfAnUnknownWorkflowThatEndedIsAccepted(t *testing.T) {
	t.Parallel()
	w := running(t)
	full := w.request("f1").WorkflowID
	w.ledger.Restore(memory.NewDatabase().Snapshot())
	m := w.control(t, "c1", events.ControlData{Action: events.Resume, WorkflowID: full})
	w.failures["SettleControl"] = errors.New("connection refused")
	require.Error(t, w.controls(m))
	delete(w.failures, "SettleControl")
	w.temporal.SetStatus(full, workflows.ExecutionCompleted)
	require.NoError(t, w.controls(m))
	require.Empty(t, w.rejections(t))
	require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
}

// Bridges list pending controls while another one sends them.
func TestAControlThatAnotherBridgeSentIsAccepted(t *testing.T) {
	t.Parallel()
	w := running(t)
	full := w.request("f1").WorkflowID
	c := w.control(t, "c1", events.ControlData{Action: events.Resume, WorkflowID: full})
	w.before = func(method string) {
		if method == "MarkControlSignalled" {
			w.before = nil
			_, err := w.worker().MarkControlSignalled(t.Context(), events.RequestID("/test", "c1"))
			require.NoError(t, err)
			w.finish(t, full, ledger.Completed)
		}
	}
	require.NoError(t, w.controls(c))
	require.Empty(t, w.rejections(t))
	require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
}

// The cancel of a tenant's workflow is sent, and the bridge crashes before it is settled. What it ends has its
// outcome when the message is redelivered: a pass that serves later requests must not receive it.
func TestARedeliveredCancelSparesALaterPass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		isServed bool // the request before the cancel has its outcome
		want     []string
	}{"it ended its requests": {true, []string{"wake", "cancel", "wake"}}, "a request still waits": {false, []string{"wake", "cancel", "wake", "cancel"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Incremental})))
			if c.isServed {
				w.serve(t, "e1")
			}
			m := w.control(t, "c1", events.ControlData{Action: events.Cancel, WorkflowID: tenantWorkflow})
			w.failures["SettleControl"] = errors.New("connection refused")
			require.Error(t, w.controls(m))
			delete(w.failures, "SettleControl")
			if c.isServed {
				w.finish(t, tenantWorkflow, ledger.Cancelled)
			}
			require.NoError(t, w.requests(w.requested(t, "e2", events.RequestData{Mode: events.Incremental})))
			m.deliveries++
			require.NoError(t, w.controls(m))
			require.Equal(t, c.want, w.signalNames(tenantWorkflow))
			require.Equal(t, ledger.ControlApplied, w.recorded("c1").State)
		})
	}
}
