package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// suggestContinueAsNew makes Temporal suggest continue-as-new from the next workflow task on. Activities may call it:
// they run beside the workflow, which reads the suggestion.
func (r *rig) suggestContinueAsNew() {
	r.after(0, func() { r.env.SetContinueAsNewSuggested(true) })
}

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
	require.Equal(t, []int{1, 2, 3, 3, 4, 5, 6, 6, 7, 8}, r.API.RequestedPages("jobs"), "none but those that failed is requested again")
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
	require.Equal(t, 7*time.Minute, c.Worked, "a minute before the pause; one after it and the five that a slice may take")
	require.Equal(t, "dragons", c.Failure.Entity)
	require.Equal(t, []string{"a", "b"}, c.Seen)
	require.EqualValues(t, 6, c.LastSequence)
	require.Equal(t, 2, c.Announced)
	require.Empty(t, c.Unpublished)
	require.Equal(t, events.StatusCompleted, c.Entities[0].Status)
	require.Equal(t, events.StatusFailed, c.Entities[1].Status)
	require.Equal(t, ledger.EntityProgress{Entity: "jobs", Phase: events.PhaseReading, Pages: 5, Records: 50, Total: 80}, c.Entities[2])

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

// continuesInTime lets each execution start at the time at which the one before ended, and the ledger have
// that time.
func (r *rig) continuesInTime() {
	prepare := r.prepare
	var now func() time.Time
	r.prepare = func(execution int) {
		if now != nil {
			r.env.SetStartTime(now())
		}
		now = r.env.Now
		r.Ledger.Now = now
		if prepare != nil {
			prepare(execution)
		}
	}
}

// historyIsLong makes Temporal suggest continue-as-new, in the first execution, in the workflow task of a signal.
func (r *rig) historyIsLong(after time.Duration, signal func()) {
	prepare := r.prepare
	r.prepare = func(execution int) {
		if prepare != nil {
			prepare(execution)
		}
		if execution == 1 {
			r.after(after, func() {
				r.env.SetContinueAsNewSuggested(true)
				signal()
			})
		}
	}
}

// Each request wakes the workflow of a tenant. Temporal refuses signals after the ten-thousandth, also resume and cancel.
func TestPausedRunContinuesAsNew(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(r *rig) error{
		"IncrementalSync": func(r *rig) error {
			r.historyIsLong(time.Hour, func() { r.requested("customers") })
			r.Ledger.Request(events.Incremental, "jobs")
			_, err := r.incremental()
			return err
		},
		"FullSync": func(r *rig) error { // a pause that is sent again adds to its history
			r.historyIsLong(time.Hour, func() { r.signal(workflows.SignalPause, workflows.ControlSignal{ID: "a", Sequence: 1}) })
			_, err := r.full("jobs", "customers")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.API.Pages = map[string]int{"jobs": 5}
			r.at("jobs", 2, func() { r.signal(workflows.SignalPause, workflows.ControlSignal{ID: "a", Sequence: 1}) })
			r.prepare = func(execution int) {
				if execution == 2 {
					require.Equal(t, time.Hour, r.elapsed, "it does not wait for the end of the pause")
					r.after(time.Hour, func() { r.signal(workflows.SignalResume, workflows.ControlSignal{ID: "b", Sequence: 2}) })
				}
			}
			require.NoError(t, run(r))
			require.Equal(t, 2, r.executions)
			require.True(t, r.carried[0].Paused)
			require.Equal(t, 2*time.Hour, r.elapsed)
			for _, run := range r.Ledger.Runs() {
				require.Equal(t, ledger.Completed, run.State)
			}
			r.requireEachPageOnce(t, "jobs", "customers")
		})
	}
}

// A slice may wait for its next attempt for hours.
func TestRunThatRetriesASliceContinuesAsNew(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"jobs": 5}
	r.API.Answer = slowed("jobs", 10*time.Hour, 3)
	r.historyIsLong(time.Hour, func() { r.requested("customers") })
	r.Ledger.Request(events.Incremental, "jobs")
	_, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, r.executions)
	require.Equal(t, time.Hour+30*time.Second, r.elapsed)
	require.Equal(t, []int{1, 2, 3, 3, 4, 5}, r.API.RequestedPages("jobs"))
	require.Len(t, r.Ledger.Runs(), 2)
}

// Signals that find nothing to do also add to the history of a workflow that is paused between passes.
func TestPauseBetweenPassesContinuesAsNew(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]func(r *rig){
		"after a signal without a request": (*rig).wake,
		"after a pause that is repeated":   func(r *rig) { r.signal(workflows.SignalPause, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.Ledger.Request(events.Incremental, "jobs")
			r.whenPublished(events.Completed.Name, func() { r.signal(workflows.SignalPause, nil) })
			r.prepare = func(execution int) {
				if execution == 2 {
					require.Equal(t, time.Hour, r.elapsed, "it does not wait for the end of the pause")
					r.after(time.Minute, r.wake)
					r.after(time.Hour, func() { r.signal(workflows.SignalResume, nil) })
				}
			}
			r.historyIsLong(time.Hour, func() { signal(r) })
			_, err := r.incremental()
			require.NoError(t, err)
			require.Equal(t, 2, r.executions, "signals alone do not make it continue as new again")
			require.True(t, r.carried[0].Paused)
			require.Equal(t, 2*time.Hour, r.elapsed)
			require.Len(t, r.Ledger.Runs(), 1)
		})
	}
}

// A control that arrives in the workflow task in which a paused run continues as new.
func TestControlsOfAPausedRunThatContinuesAsNewAreKept(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]ledger.RunState{
		workflows.SignalResume: ledger.Completed,
		workflows.SignalCancel: ledger.Cancelled,
	} {
		t.Run(control, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.API.Pages = map[string]int{"jobs": 5}
			r.at("jobs", 2, func() { r.signal(workflows.SignalPause, nil) })
			r.Ledger.Request(events.Incremental, "jobs")
			r.prepare = func(execution int) {
				if execution == 1 {
					r.continueAsNewWith(control)
					return
				}
				r.after(time.Minute, func() { require.Equal(t, want, r.Ledger.Runs()[0].State) })
				r.after(time.Hour, func() { r.signal(workflows.SignalResume, nil) }) // a pause also holds after a cancel
			}
			_, _ = r.incremental()
			require.Equal(t, 2, r.executions)
			require.Len(t, r.Ledger.Runs(), 1)
			require.Equal(t, want, r.Ledger.Runs()[0].State)
		})
	}
}
