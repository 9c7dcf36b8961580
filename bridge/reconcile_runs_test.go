package bridge_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// A run that its worker finalizes, or begins, between the lookup of its workflow and the repair is no repair.
func TestARunThatItsWorkerFinalizedIsNotReportedAsFailed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begun bool
		state ledger.RunState // that the worker gives it
	}{
		"completed": {true, ledger.Completed}, "failed": {true, ledger.Failed}, "begun": {false, ledger.Running}, "begun and failed": {false, ledger.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bridge.Recorder = recorder{reconciled: func(action string, _ int) { require.NotEqual(t, "runs_finalized", action) }}
			require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
			if c.begun {
				w.serve(t, "e1")
			}
			workflowID := w.request("e1").WorkflowID
			w.temporal.SetStatus(workflowID, workflows.ExecutionCompleted)
			w.now = w.now.Add(time.Minute)
			w.before = func(method string) {
				if method != "Finalize" && method != "FinalizeUnstarted" {
					return
				}
				w.before = nil
				if !c.begun {
					w.serve(t, "e1")
				}
				if c.state != ledger.Running {
					w.finish(t, workflowID, c.state)
				}
			}
			require.NoError(t, w.reconcile())
			require.Nil(t, w.before)
			require.Equal(t, c.state, w.ledger.Runs()[0].State)
		})
	}
}

// A later version of Temporal may have another status of an open execution, as paused was one.
func TestAnExecutionWithAnUnknownStatusIsNotFinalized(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]bool{"its run has begun": true, "its run has not begun": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
			if begun {
				w.serve(t, "e1")
			}
			workflowID := w.request("e1").WorkflowID
			w.temporal.SetStatus(workflowID, workflows.ExecutionUnknown)
			w.now = w.now.Add(time.Minute)
			require.ErrorContains(t, w.reconcile(), "workflow "+workflowID+" has a status that this version does not know")
			require.Empty(t, published(t, w, events.Failed))
			for _, run := range w.ledger.Runs() {
				require.Equal(t, ledger.Running, run.State)
			}
		})
	}
}

// Each signal would lengthen the history of a workflow that may be open.
func TestAWorkflowWithAnUnknownStatusIsNotWoken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leave(t, 3, "e1", events.Incremental)
	w.leave(t, 1, "e2", events.Full)
	w.effects = nil
	w.temporal.SetStatus(tenantWorkflow, workflows.ExecutionUnknown)
	w.now = w.now.Add(time.Minute)
	require.ErrorContains(t, w.reconcile(), "workflow "+tenantWorkflow+" has a status that this version does not know")
	require.Zero(t, w.count("SignalWithStart"))
	require.Equal(t, 1, w.count("Start"), "the other request is started")
}
