package workflows_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// restore sets the ledger back to a state without any run, and has another workflow begin
// the run that gets the number next.
func (r *rig) restore(t *testing.T, mode events.Mode) {
	t.Helper()
	r.Ledger.Forget()
	request := r.Ledger.Request(mode, "jobs")
	_, _, err := r.Ledger.BeginRun(t.Context(), ledger.BeginInput{
		TenantID: activitytest.Tenant, Mode: mode, WorkflowID: "another", FirstRunID: "other", Pass: 1, RequestID: request.ID,
	})
	require.NoError(t, err)
}

func TestFullSyncEndsAfterARestoreOfTheLedger(t *testing.T) {
	t.Parallel()
	for _, page := range []int{2, 3} { // in the middle, and the last one
		r := newRig()
		r.at("jobs", page, func() { r.restore(t, events.Full) })
		_, err := r.full("jobs")
		var app *temporal.ApplicationError
		require.True(t, errors.As(err, &app), "got %v", err)
		require.Equal(t, activities.TypeUnknownRun, app.Type())
		require.Empty(t, r.Events.Outcomes())
		require.Equal(t, ledger.Running, r.Ledger.Runs()[0].State, "the run of the other workflow")
		require.Zero(t, r.Ledger.Position(1, "jobs").Pages)
	}
}

func TestPausedFullSyncEndsAfterARestoreOfTheLedger(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.at("jobs", 2, func() {
		r.signal(workflows.SignalPause, nil)
		r.Ledger.Forget()
	})
	r.prepare = func(int) { r.after(1e12, func() { r.signal(workflows.SignalCancel, nil) }) }
	_, err := r.full("jobs")
	require.Error(t, err)
	require.Empty(t, r.Events.Outcomes())
}

// The running pass ends without an outcome, and the next one serves the queued requests of the
// restored ledger.
func TestIncrementalSyncBeginsTheNextPassAfterARestoreOfTheLedger(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 2, func() {
		r.restore(t, events.Incremental)
		r.requested("customers")
	})
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, workflows.IncrementalResult{Passes: 2, Last: workflows.Result{RunNumber: 2, State: ledger.Completed}}, result)
	runs := r.Ledger.Runs()
	require.Equal(t, ledger.Running, runs[0].State, "the run of the other workflow")
	require.Zero(t, r.Ledger.Position(1, "jobs").Pages)
	require.Equal(t, 2, runs[1].Pass)
	require.Equal(t, []string{"customers"}, r.outcome(t).Entities)
}

// A cancel of the whole workflow also cancels the requests behind the lost pass.
func TestCancelAppliesAfterARestoreWithoutThePass(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 2, func() {
		r.restore(t, events.Incremental)
		r.requested("customers")
		r.signal(workflows.SignalCancel, workflows.ControlSignal{Reason: "enough"})
	})
	_, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, "enough", r.outcome(t).Reason)
	require.Equal(t, []string{"customers"}, r.outcome(t).Entities)
}
