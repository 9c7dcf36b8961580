package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

func (r *rig) wake() { r.signal(workflows.SignalWake, nil) }

// requested records an incremental request and wakes the workflow, as the bridge does.
func (r *rig) requested(entities ...string) ledger.Request {
	request := r.Ledger.Request(events.Incremental, entities...)
	r.wake()
	return request
}

// whenPublished makes something happen, once, when an event of a type is published.
func (r *rig) whenPublished(typ string, do func()) {
	done := false
	r.Events.Refuse = func(_ context.Context, e events.Event) error {
		if e.Type() == typ && !done {
			done = true
			do()
		}
		return nil
	}
}

// outcomesOf counts the outcomes that name each request.
func (r *rig) outcomesOf(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, o := range r.Events.Outcomes() {
		for _, request := range o.Requests {
			counts[request.RequestID]++
		}
	}
	return counts
}

func TestIncrementalSyncServesQueuedRequests(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "customers")
	r.Ledger.Request(events.Incremental, "jobs", "customers")
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, workflows.IncrementalResult{Passes: 1, Last: workflows.Result{RunNumber: 1, State: ledger.Completed}}, result)
	r.requireEachPageOnce(t, "customers", "jobs")
	outcome := r.outcome(t)
	require.Len(t, outcome.Requests, 2)
	require.Equal(t, []string{"customers", "jobs"}, outcome.Entities)
	require.Empty(t, outcome.Notify)
	for _, a := range r.API.PageRequests("") {
		require.True(t, a.Interactive)
	}
}

func TestIncrementalSyncEndsWithoutQueuedRequests(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.prepare = func(int) { r.after(0, r.wake) }
	result, err := r.incremental()
	require.NoError(t, err)
	require.Zero(t, result)
	require.Empty(t, r.Events.Published())
	require.LessOrEqual(t, r.Ledger.Looks(), 2)
}

func TestRequestsDuringAPassAreCoalesced(t *testing.T) {
	t.Parallel()
	r := newRig()
	var requests []ledger.Request
	requests = append(requests, r.Ledger.Request(events.Incremental, "customers"))
	r.at("customers", 2, func() {
		for i := range 500 {
			requests = append(requests, r.requested(all[i%3]))
		}
	})
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, result.Passes)
	require.Len(t, r.Ledger.Runs(), 2)
	require.LessOrEqual(t, r.Ledger.Looks(), 4)
	require.ElementsMatch(t, all[:3], r.Ledger.Runs()[1].Entities, "the union of the requested entities")
	counts := r.outcomesOf(t)
	for _, request := range requests {
		require.Equal(t, 1, counts[request.ID])
	}
}

// A request that arrives at any step is served by another pass.
func TestRequestDuringTheLastStepsIsServed(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(r *rig, do func()){
		"with the start":            func(r *rig, do func()) { r.whenPublished(events.Started.Name, do) },
		"with the outcome":          func(r *rig, do func()) { r.whenPublished(events.Completed.Name, do) },
		"with the last page":        func(r *rig, do func()) { r.at("jobs", 3, do) },
		"while it looks once more":  func(r *rig, do func()) { r.atLook(2, do) },
		"after the look was empty":  func(r *rig, do func()) { r.afterLook(2, do) },
		"after the second was, too": func(r *rig, do func()) { r.afterLook(3, do) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			first := r.Ledger.Request(events.Incremental, "jobs")
			var second ledger.Request
			arrange(r, func() { second = r.requested("customers") })
			if name == "after the second was, too" {
				r.at("jobs", 2, r.wake) // makes it look twice
			}
			result, err := r.incremental()
			require.NoError(t, err)
			require.Equal(t, 2, result.Passes)
			require.Equal(t, map[string]int{first.ID: 1, second.ID: 1}, r.outcomesOf(t))
		})
	}
}

// atLook makes something happen just before the nth look into the ledger.
func (r *rig) atLook(n int, do func()) {
	looks := 0
	r.Ledger.Refuse = func(op, _ string) error {
		if op == "BeginRun" {
			if looks++; looks == n {
				do()
			}
		}
		return nil
	}
}

// afterLook makes something happen just after the nth look, before the workflow hears
// what it found.
func (r *rig) afterLook(n int, do func()) {
	r.Ledger.Looked = func(look int) {
		if look == n {
			do()
		}
	}
}

func TestEachPassHasItsOwnDeadline(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.Deadline = 10 * time.Minute
	r.API.Answer = slowed("jobs", 6*time.Minute, 2)
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 3, func() {
		r.requested("jobs")
		r.API.Answer = slowed("jobs", 6*time.Minute, 4) // where the next pass continues
	})
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, result.Passes)
	require.Equal(t, 12*time.Minute, r.elapsed)
	for _, run := range r.Ledger.Runs() {
		require.Equal(t, ledger.Completed, run.State)
	}
}

func TestNextPassBeginsAfterOneFinalizedElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"jobs": 50}
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 2, func() {
		_, err := r.Ledger.Finalize(t.Context(), ledger.Ref{Number: 1}, ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.Terminated, Message: "gone"}})
		require.NoError(t, err)
		r.requested("customers")
	})
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, result.Passes)
	require.Equal(t, workflows.Result{RunNumber: 2, State: ledger.Completed}, result.Last)
	require.Len(t, r.API.PageRequests("jobs"), 2)
}

func TestIncrementalSyncContinuesAsNew(t *testing.T) {
	t.Parallel()
	t.Run("between passes", func(t *testing.T) {
		t.Parallel()
		r := newRig()
		first := r.Ledger.Request(events.Incremental, "jobs")
		var second ledger.Request
		r.whenPublished(events.Completed.Name, func() {
			second = r.requested("customers")
			r.suggestContinueAsNew()
			r.env.SignalWorkflow(workflows.SignalPause, workflows.ControlSignal{ID: "a", Sequence: 3})
		})
		r.prepare = func(execution int) {
			if execution == 2 {
				r.after(time.Hour, func() { r.signal(workflows.SignalResume, workflows.ControlSignal{ID: "b", Sequence: 4}) })
			}
		}
		result, err := r.incremental()
		require.NoError(t, err)
		require.Equal(t, 2, r.executions)
		require.Equal(t, 2, result.Passes)
		require.True(t, r.carried[0].Paused)
		require.Equal(t, time.Hour, r.elapsed)
		require.Equal(t, map[string]int{first.ID: 1, second.ID: 1}, r.outcomesOf(t))
		require.Equal(t, 2, r.Ledger.Runs()[1].Pass, "passes are counted on")
	})
	t.Run("within a pass", func(t *testing.T) {
		t.Parallel()
		r := newRig()
		r.API.Answer = slowed("jobs", time.Hour, 2)
		r.Ledger.Request(events.Incremental, "jobs")
		r.rollOver(1, time.Minute)
		result, err := r.incremental()
		require.NoError(t, err)
		require.Equal(t, 2, r.executions)
		require.Equal(t, 1, result.Passes)
		require.Len(t, r.Ledger.Runs(), 1)
		require.Equal(t, 30, r.Ledger.Rows("jobs"))
	})
}
