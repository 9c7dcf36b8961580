package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// rebuild runs a Rebuild of a new request for an entity.
func (r *rig) rebuild(entity string) (workflows.Result, error) {
	request := r.Ledger.Request(events.Rebuild, entity)
	in := workflows.SyncInput{TenantID: activitytest.Tenant, RequestID: request.ID, Limits: r.limits}
	return execute(r, workflows.RebuildID(request.ID), workflows.Rebuild, in, func(in workflows.SyncInput) *workflows.ContinueAsNewState { return in.Carried })
}

// during makes something happen, once, when an operation of the ledger begins.
func (r *rig) during(op string, do func() error) {
	done := false
	r.Ledger.Refuse = func(now, _ string) error {
		if now != op || done {
			return nil
		}
		done = true
		return do()
	}
}

func TestRebuildChangesNothingBeforeItIsApplied(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.during("ApplyRebuild", func() error {
		require.Zero(t, r.Ledger.Rows("customers"))
		return nil
	})
	result, err := r.rebuild("customers")
	require.NoError(t, err)
	require.Equal(t, workflows.Result{RunNumber: 1, State: ledger.Completed}, result)
	r.requireEachPageOnce(t, "customers")
	outcome := r.outcome(t)
	require.Equal(t, events.Rebuild, outcome.Mode)
	require.Equal(t, []events.Result{{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Pages: 3, Fetched: 30, Inserted: 30}}}, outcome.Results)
	require.Equal(t, events.PhaseDone, r.progress(t).Entities[0].Phase)
}

func TestRebuildReportsItsPhases(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Misses = map[string][]string{"customers": {"98", "99"}}
	r.API.Found = []string{"98"}
	r.slices.Length = 0 // each slice takes one step
	var phases []events.Phase
	r.prepare = func(int) {
		r.env.SetOnActivityCompletedListener(onCompleted("SyncSlice", func() { phases = append(phases, phaseNow(t, r)) }))
	}
	result, err := r.rebuild("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	require.Equal(t, []events.Phase{"queued", "reading", "reading", "sweeping", "checking", "applying"}, phases, "before each slice was heard of")
	require.Equal(t, [][]string{{"98", "99"}}, r.API.LookedUp())
	require.Equal(t, 31, r.Ledger.Rows("customers"))
}

func phaseNow(t *testing.T, r *rig) events.Phase {
	t.Helper()
	return r.progress(t).Entities[0].Phase
}

func TestRebuildWithTooFewRecordsFails(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Uncounted = 1
	result, err := r.rebuild("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, result.State)
	require.Equal(t, events.APIError, r.outcome(t).Error.Type)
	require.Zero(t, r.Ledger.Rows("customers"))
}

func TestRebuildIsPausedResumedAndCancelled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then  string
		state ledger.RunState
		rows  int
	}{
		"resumed":   {workflows.SignalResume, ledger.Completed, 30},
		"cancelled": {workflows.SignalCancel, ledger.Cancelled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.at("customers", 2, func() { r.signal(workflows.SignalPause, nil) })
			r.prepare = func(int) {
				r.after(time.Hour, func() {
					require.True(t, r.progress(t).Paused)
					require.Len(t, r.API.PageRequests("customers"), 2)
					r.signal(c.then, workflows.ControlSignal{Reason: "so"})
				})
			}
			result, err := r.rebuild("customers")
			require.NoError(t, err)
			require.Equal(t, c.state, result.State)
			require.Equal(t, c.rows, r.Ledger.Rows("customers"))
			if c.state == ledger.Completed {
				r.requireEachPageOnce(t, "customers")
			}
		})
	}
}

// A cancel during the apply rolls it back. So does a pause, after which the apply is repeated.
func TestRebuildApplyIsRolledBackByAPauseOrCancel(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal string
		state  ledger.RunState
		rows   int
	}{
		"by a pause":  {workflows.SignalPause, ledger.Completed, 30},
		"by a cancel": {workflows.SignalCancel, ledger.Cancelled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.during("ApplyRebuild", func() error {
				r.signal(c.signal, nil)
				return errors.New("canceling statement due to user request")
			})
			r.prepare = func(int) { r.after(time.Hour, func() { r.signal(workflows.SignalResume, nil) }) }
			result, err := r.rebuild("customers")
			require.NoError(t, err)
			require.Equal(t, c.state, result.State)
			require.Equal(t, c.rows, r.Ledger.Rows("customers"))
			require.Len(t, r.API.PageRequests("customers"), 3, "what was read is not read again")
		})
	}
}

func TestRebuildWaitsWhileAFullSyncReadsTheEntity(t *testing.T) {
	t.Parallel()
	r := newRig()
	other := r.hold(t, "customers")
	r.prepare = func(int) {
		r.after(20*time.Minute, func() {
			require.Equal(t, events.WaitBusy, r.progress(t).Entities[0].Waiting.Why)
			_, err := r.Ledger.Finalize(context.Background(), ledger.Ref{Number: other}, ledger.Finalization{State: ledger.Cancelled})
			require.NoError(t, err)
		})
	}
	result, err := r.rebuild("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	r.requireEachPageOnce(t, "customers")
}

func TestRebuildContinuesAsNew(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"customers": 8}
	r.slices.Length = 0
	r.prepare = func(execution int) {
		if execution == 1 {
			r.at("customers", 3, func() { r.env.SetContinueAsNewSuggested(true) })
		}
	}
	result, err := r.rebuild("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	require.Equal(t, 2, r.executions)
	r.requireEachPageOnce(t, "customers")
}

func TestFullSyncLooksUpMissingRows(t *testing.T) {
	t.Parallel()
	r := newRig()
	missed := make([]string, 120)
	for i := range missed {
		missed[i] = fmt.Sprint(1000 + i)
	}
	r.Ledger.Misses = map[string][]string{"customers": missed}
	result, err := r.full("customers", "jobs")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	var sizes []int
	for _, ids := range r.API.LookedUp() {
		sizes = append(sizes, len(ids))
	}
	require.Equal(t, []int{50, 50, 20}, sizes)
	require.EqualValues(t, 120, r.outcome(t).Results[0].Deleted)
}
