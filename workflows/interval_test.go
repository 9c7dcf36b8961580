package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

const minInterval = 10 * time.Minute

// newBusyRig returns a rig with a minimum interval, in which requests arrive during the first pass and
// wait. prepare is called before each execution.
func newBusyRig(prepare func(r *rig, execution int)) (r *rig, waiting *[]ledger.Request) {
	r, waiting = newRig(), &[]ledger.Request{}
	r.MinInterval = minInterval
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 2, func() {
		*waiting = append(*waiting, r.requested("customers"), r.requested("jobs"), r.requested("customers"))
	})
	r.prepare = func(execution int) { prepare(r, execution) }
	r.continuesInTime()
	return r, waiting
}

// requireShared requires that the waiting requests have one outcome each, of a pass that began the
// minimum interval after the first.
func (r *rig) requireShared(t *testing.T, waiting []ledger.Request) {
	t.Helper()
	runs := r.Ledger.Runs()
	require.Len(t, runs, 2)
	require.Equal(t, ledger.Completed, runs[1].State)
	require.InDelta(t, minInterval, runs[1].StartedAt.Sub(runs[0].StartedAt), float64(10*time.Second))
	require.GreaterOrEqual(t, runs[1].StartedAt.Sub(runs[0].StartedAt), minInterval)
	outcomes := r.outcomesOf(t)
	for _, request := range waiting {
		require.Equal(t, 1, outcomes[request.ID])
	}
}

// requireWaitingCancelled requires that a cancelled pass, which read nothing, is the outcome of the
// waiting requests.
func (r *rig) requireWaitingCancelled(t *testing.T, waiting []ledger.Request) {
	t.Helper()
	runs := r.Ledger.Runs()
	require.Len(t, runs, 2)
	require.Equal(t, ledger.Cancelled, runs[1].State)
	require.Empty(t, r.API.PageRequests("customers"))
	outcomes := r.outcomesOf(t)
	for _, request := range waiting {
		require.Equal(t, 1, outcomes[request.ID])
	}
}

func TestRequestsWaitForTheMinimumInterval(t *testing.T) {
	t.Parallel()
	r, waiting := newBusyRig(func(r *rig, _ int) {
		r.after(minInterval/2, func() {
			require.Empty(t, r.API.PageRequests("customers"))
			p := r.progress(t)
			require.Equal(t, 1, p.Passes)
			require.Zero(t, p.RunNumber, "no pass is open")
		})
	})
	late := ledger.Request{}
	prepare := r.prepare
	r.prepare = func(execution int) {
		prepare(execution)
		r.after(minInterval-time.Minute, func() { late = r.requested("invoices") })
	}
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, result.Passes)
	r.requireShared(t, append(*waiting, late))
	require.Equal(t, []string{"customers", "jobs", "invoices"}, r.Ledger.Runs()[1].Entities)
}

// Nothing waits for a pass that began longer ago, and a workflow without requests ends at once.
func TestMinimumIntervalDelaysOnlyRequestsWithinIt(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.MinInterval = minInterval
	r.prepare = func(int) { r.Ledger.Now = r.env.Now }
	r.Ledger.Request(events.Incremental, "jobs")
	_, err := r.incremental()
	require.NoError(t, err)
	require.Less(t, r.elapsed, time.Minute)
}

// The history of a waiting workflow grows with each request, and the time is in the ledger.
func TestMinimumIntervalHoldsAfterContinueAsNew(t *testing.T) {
	t.Parallel()
	var late ledger.Request
	r, waiting := newBusyRig(func(r *rig, execution int) {
		if execution == 2 {
			require.Less(t, r.elapsed, minInterval*3/4, "it continues as new while it waits")
			return
		}
		r.after(minInterval/2, func() {
			r.env.SetContinueAsNewSuggested(true)
			late = r.requested("invoices")
		})
	})
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, result.Passes)
	require.Equal(t, 2, r.executions)
	require.Zero(t, r.carried[0].RunNumber)
	r.requireShared(t, append(*waiting, late))
}

// The workflow task that makes the history too long for the wait may also bring a control.
func TestControlsThatArriveWithContinueAsNewAreKept(t *testing.T) {
	t.Parallel()
	t.Run("pause", func(t *testing.T) {
		t.Parallel()
		r, waiting := newBusyRig(func(r *rig, execution int) {
			if execution == 2 {
				r.after(time.Hour, func() {
					require.Empty(t, r.API.PageRequests("customers"))
					r.signal(workflows.SignalResume, workflows.ControlSignal{ID: "b", Sequence: sequenceNow()})
				})
				return
			}
			r.continueAsNewWith(workflows.SignalPause)
		})
		_, err := r.incremental()
		require.NoError(t, err)
		require.Equal(t, 2, r.executions)
		require.True(t, r.carried[0].Paused)
		r.requireShared(t, *waiting)
	})
	t.Run("cancel", func(t *testing.T) {
		t.Parallel()
		r, waiting := newBusyRig(func(r *rig, execution int) {
			if execution == 1 {
				r.continueAsNewWith(workflows.SignalCancel)
			}
		})
		_, _ = r.incremental()
		require.Less(t, r.elapsed, minInterval*3/4)
		r.requireWaitingCancelled(t, *waiting)
	})
}

// continueAsNewWith brings a control in the workflow task in which the history gets too long.
func (r *rig) continueAsNewWith(name string) {
	r.after(minInterval/2, func() {
		r.env.SignalWorkflowSkippingWorkflowTask(name, workflows.ControlSignal{ID: "a", Sequence: sequenceNow()})
	})
	r.after(minInterval/2+time.Second, func() { r.env.SetContinueAsNewSuggested(true) })
}

func TestCancelEndsRequestsThatWaitForTheMinimumInterval(t *testing.T) {
	t.Parallel()
	for name, cancel := range map[string]func(r *rig){
		"by signal":   func(r *rig) { r.signal(workflows.SignalCancel, workflows.ControlSignal{Reason: "enough"}) },
		"in Temporal": func(r *rig) { r.env.CancelWorkflow() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, waiting := newBusyRig(func(r *rig, _ int) { r.after(time.Minute, func() { cancel(r) }) })
			_, _ = r.incremental()
			require.Less(t, r.elapsed, 2*time.Minute)
			r.requireWaitingCancelled(t, *waiting)
		})
	}
}

func TestPauseDuringTheMinimumIntervalHoldsTheNextPass(t *testing.T) {
	t.Parallel()
	r, waiting := newBusyRig(func(r *rig, _ int) {
		r.after(time.Minute, func() { r.signal(workflows.SignalPause, nil) })
		r.after(time.Hour, func() {
			require.Empty(t, r.API.PageRequests("customers"))
			require.Equal(t, ledger.Paused, r.Ledger.Runs()[1].ReportedState())
			r.signal(workflows.SignalResume, nil)
		})
	})
	_, err := r.incremental()
	require.NoError(t, err)
	r.requireShared(t, *waiting)
}
