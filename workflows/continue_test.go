package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// rollOver lets Temporal suggest continue-as-new, in the first executions, from a moment on.
func (r *rig) rollOver(executions int, after time.Duration) {
	prepare := r.prepare
	r.prepare = func(execution int) {
		if prepare != nil {
			prepare(execution)
		}
		if execution <= executions {
			r.after(after, func() { r.env.SetContinueAsNewSuggested(true) })
		}
	}
}

func TestRunContinuesAsNewWhenItsHistoryIsLong(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"jobs": 8}
	r.API.Answer = slowed("jobs", 6*time.Minute, 3, 6)
	r.rollOver(2, 5*time.Minute)
	result, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, workflows.Result{RunNumber: 1, State: ledger.Completed}, result)
	require.Equal(t, 3, r.executions)
	require.Equal(t, 1, r.Ledger.Looks(), "the run has begun once")
	require.Len(t, r.Ledger.Runs(), 1)
	require.Equal(t, []string{"sync.started", "sync.completed"}, r.Events.Subjects())
	require.Equal(t, 80, r.Ledger.Rows("jobs"))
	require.Equal(t, []int{1, 2, 3, 3, 4, 5, 6, 6, 7, 8}, r.API.RequestedPages("jobs"), "none but those that failed is asked for again")
}

func TestContinueAsNewKeepsTheState(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.Deadline = 20 * time.Minute
	r.API.Pages = map[string]int{"jobs": 8}
	r.API.Answer = slowed("jobs", 6*time.Minute, 3, 6, 7)
	r.prepare = func(execution int) {
		if execution == 1 {
			r.after(time.Minute, func() {
				r.signal(workflows.SignalPause, workflows.ControlSignal{ID: "a", Sequence: 5})
			})
			r.after(time.Hour, func() { // page 3 is tried again, and page 6 waits
				r.signal(workflows.SignalResume, workflows.ControlSignal{ID: "b", Sequence: 6})
			})
			return
		}
		r.after(time.Minute, func() {
			r.signal(workflows.SignalPause, workflows.ControlSignal{ID: "a"})              // was applied
			r.signal(workflows.SignalPause, workflows.ControlSignal{ID: "c", Sequence: 4}) // is older
		})
		r.after(2*time.Minute, func() { require.False(t, r.progress(t).Paused) })
		r.after(time.Hour, func() { r.signal(workflows.SignalResume, workflows.ControlSignal{ID: "e", Sequence: 10}) })
	}
	r.rollOver(1, time.Hour+time.Minute)
	r.at("jobs", 8, func() { r.signal(workflows.SignalPause, workflows.ControlSignal{ID: "d", Sequence: 9}) })
	_, err := r.full("customers", "dragons", "jobs")
	require.NoError(t, err)

	require.Len(t, r.carried, 1)
	c := r.carried[0]
	require.EqualValues(t, 1, c.RunNumber)
	require.Equal(t, events.Full, c.Mode)
	require.Equal(t, 7*time.Minute, c.Worked, "a minute before the pause, six after")
	require.Equal(t, "dragons", c.Failure.Entity)
	require.Equal(t, []string{"a", "b"}, c.Seen)
	require.EqualValues(t, 6, c.LastSequence)
	require.Equal(t, 2, c.Announced)
	require.Empty(t, c.Unpublished)
	require.Equal(t, events.StatusCompleted, c.Entities[0].Status)
	require.Equal(t, events.StatusFailed, c.Entities[1].Status)
	require.Equal(t, ledger.EntityProgress{Entity: "jobs", Phase: events.PhaseReading, Pages: 6, Records: 60, Total: 80}, c.Entities[2])

	require.Equal(t, []string{"sync.started", "sync.paused", "sync.resumed", "sync.paused", "sync.resumed", "sync.failed"}, r.Events.Subjects())
	ids := map[string]bool{}
	for _, e := range r.Events.Published() {
		ids[e.ID()] = true
	}
	require.Len(t, ids, 6, "pauses are counted on")
	require.Equal(t, "dragons", r.outcome(t).Error.Entity, "a failure is not forgotten")
}

func TestDeadlineIncludesEarlierExecutions(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.Deadline = 10 * time.Minute
	r.API.Pages = map[string]int{"jobs": 8}
	r.API.Answer = slowed("jobs", 4*time.Minute, 2, 4, 6, 7)
	r.rollOver(9, time.Minute)
	result, err := r.full("jobs")
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, result.State)
	require.Equal(t, 10*time.Minute, r.elapsed)
	require.Equal(t, events.DeadlineExceeded, r.outcome(t).Error.Type)
}

// A cancel that arrives in the task that continues as new is not lost.
func TestCancelDuringContinueAsNewIsKept(t *testing.T) {
	t.Parallel()
	for name, cancel := range map[string]func(r *rig){
		"by signal":   func(r *rig) { r.env.SignalWorkflowSkippingWorkflowTask(workflows.SignalCancel, nil) },
		"in Temporal": func(r *rig) { r.env.CancelWorkflow() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.API.Pages = map[string]int{"jobs": 50}
			r.rollOver(1, 0)
			r.at("jobs", 1, func() { cancel(r) })
			_, _ = r.full("jobs")
			require.Equal(t, []string{"sync.started", "sync.cancelled"}, r.Events.Subjects())
			require.Less(t, r.countPageRequests(), 4)
		})
	}
}
