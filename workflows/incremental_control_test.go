package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

func TestCancelOfIncrementalSyncCancelsQueuedRequests(t *testing.T) {
	t.Parallel()
	for name, cancel := range map[string]func(r *rig){
		"by signal":   func(r *rig) { r.signal(workflows.SignalCancel, workflows.ControlSignal{Reason: "enough"}) },
		"in Temporal": func(r *rig) { r.env.CancelWorkflow() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.API.Pages = map[string]int{"jobs": 50}
			first := r.Ledger.Request(events.Incremental, "jobs")
			var second ledger.Request
			r.at("jobs", 2, func() {
				second = r.requested("customers")
				cancel(r)
			})
			_, _ = r.incremental()
			require.Len(t, r.Ledger.Runs(), 1)
			require.Equal(t, ledger.Cancelled, r.Ledger.Runs()[0].State)
			require.Equal(t, map[string]int{first.ID: 1, second.ID: 1}, r.outcomesOf(t))
			require.Empty(t, r.API.PageRequests("customers"))
		})
	}
}

// A cancel after the end of a pass applies to the queued requests.
func TestCancelAfterAPassCancelsTheNextPass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rollsOver bool // the next pass is one of a new execution
		together  bool // the cancel and the end of the pass arrive in one workflow task
	}{
		"in the same execution":           {false, false},
		"in the same execution, together": {false, true},
		"in the next one":                 {true, false},
		"in the next one, together":       {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.Ledger.Request(events.Incremental, "jobs")
			r.whenPublished(events.Completed.Name, func() {
				r.Ledger.Request(events.Incremental, "customers")
				if c.rollsOver {
					r.suggestContinueAsNew()
				}
				if c.together {
					r.env.SignalWorkflowSkippingWorkflowTask(workflows.SignalCancel, nil)
				} else {
					r.signal(workflows.SignalCancel, nil)
				}
			})
			_, err := r.incremental()
			require.NoError(t, err)
			require.Equal(t, c.rollsOver, r.executions == 2)
			runs := r.Ledger.Runs()
			require.Len(t, runs, 2)
			require.Equal(t, ledger.Completed, runs[0].State)
			require.Equal(t, ledger.Cancelled, runs[1].State)
			require.Empty(t, r.API.PageRequests("customers"))
		})
	}
}

// Each cancel of the workflow means the requests that wait when it arrives, also while the outcome of an earlier one
// is being published.
func TestCancelWhileTheOutcomeOfAnotherIsPublishedIsKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		requested bool // a request arrives between the two
		pass      bool // the second cancels only the pass
		runs      []ledger.RunState
	}{
		"with a request":                  {true, false, []ledger.RunState{ledger.Cancelled, ledger.Cancelled}},
		"with a request that it excludes": {true, true, []ledger.RunState{ledger.Cancelled, ledger.Completed}},
		"without a request":               {false, false, []ledger.RunState{ledger.Cancelled}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.API.Pages = map[string]int{"jobs": 5}
			r.Ledger.Request(events.Incremental, "jobs")
			r.at("jobs", 2, func() { r.signal(workflows.SignalCancel, workflows.ControlSignal{ID: "a", Sequence: sequenceNow()}) })
			tries := 0
			r.Events.Refuse = func(_ context.Context, e events.Event) error {
				if e.Type() != events.Cancelled.Name {
					return nil
				}
				if tries++; tries == 2 { // the activity: the workflow receives signals meanwhile
					if c.requested {
						r.requested("customers")
					}
					r.signal(workflows.SignalCancel, workflows.ControlSignal{ID: "b", Sequence: sequenceNow(), PassOnly: c.pass, RunNumber: 1})
				}
				if tries <= 3 {
					return errors.New("not connected")
				}
				return nil
			}
			_, _ = r.incremental()
			states := []ledger.RunState{}
			for _, run := range r.Ledger.Runs() {
				states = append(states, run.State)
			}
			require.Equal(t, c.runs, states)
		})
	}
}

func TestCancelOfAPassKeepsQueuedRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run  int64 // that the cancel means
		want ledger.RunState
	}{
		"whichever runs":         {0, ledger.Cancelled},
		"this one":               {1, ledger.Cancelled},
		"one that is long over":  {7, ledger.Completed},
		"one that has not begun": {2, ledger.Completed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.Ledger.Request(events.Incremental, "jobs")
			r.at("jobs", 2, func() {
				r.requested("customers")
				r.signal(workflows.SignalCancel, workflows.ControlSignal{PassOnly: true, RunNumber: c.run})
			})
			_, err := r.incremental()
			require.NoError(t, err)
			runs := r.Ledger.Runs()
			require.Len(t, runs, 2)
			require.Equal(t, c.want, runs[0].State)
			require.Equal(t, ledger.Completed, runs[1].State)
			r.requireEachPageOnce(t, "customers")
		})
	}
}

func TestCancelOfAFinishedPassHasNoEffect(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(r *rig, do func()){
		"when its outcome is published": func(r *rig, do func()) { r.whenPublished(events.Completed.Name, do) },
		"when the next has begun":       func(r *rig, do func()) { r.afterLook(2, do) },
		"when the next is about to":     func(r *rig, do func()) { r.atLook(2, do) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.Ledger.Request(events.Incremental, "jobs")
			r.at("jobs", 3, func() { r.requested("customers") })
			arrange(r, func() { r.signal(workflows.SignalCancel, workflows.ControlSignal{PassOnly: true}) })
			_, err := r.incremental()
			require.NoError(t, err)
			require.Equal(t, ledger.Completed, r.Ledger.Runs()[1].State)
			r.requireEachPageOnce(t, "customers")
		})
	}
}

func TestPauseContinuesInTheNextPass(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "jobs")
	r.whenPublished(events.Completed.Name, func() {
		r.requested("customers")
		r.signal(workflows.SignalPause, nil)
	})
	r.prepare = func(int) {
		r.after(time.Hour, func() {
			require.Empty(t, r.API.PageRequests("customers"))
			p := r.progress(t)
			require.True(t, p.Paused)
			require.Equal(t, 1, p.Passes)
			require.EqualValues(t, 2, p.RunNumber)
			r.signal(workflows.SignalResume, nil)
		})
	}
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, result.Passes)
	require.Equal(t, time.Hour, r.elapsed)
	require.Equal(t, ledger.Completed, r.Ledger.Runs()[1].State)
}

// A pause of the workflow was accepted, although the pass that is open is being cancelled.
func TestPauseAfterTheCancelOfAPassAppliesToTheNextPass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cancel workflows.ControlSignal
		early  bool // both arrive before the pass begins
	}{
		"of the pass":            {workflows.ControlSignal{PassOnly: true, RunNumber: 1}, false},
		"of the workflow":        {workflows.ControlSignal{}, false},
		"of the workflow, early": {workflows.ControlSignal{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.API.Pages = map[string]int{"jobs": 5}
			r.Ledger.Request(events.Incremental, "jobs")
			controls := func() {
				r.signal(workflows.SignalCancel, c.cancel)
				r.signal(workflows.SignalPause, workflows.ControlSignal{Reason: "maintenance"})
			}
			if !c.early {
				r.at("jobs", 2, controls)
			}
			r.prepare = func(int) {
				if c.early {
					r.after(0, controls)
				}
				r.after(time.Minute, func() { r.requested("customers") })
				r.after(time.Hour, func() {
					require.Len(t, r.Ledger.Runs(), 2)
					require.Equal(t, ledger.Paused, r.Ledger.Runs()[1].ReportedState())
					require.Equal(t, "maintenance", r.Ledger.Runs()[1].Pause.Reason)
					require.Empty(t, r.API.PageRequests("customers"))
					r.signal(workflows.SignalResume, nil)
				})
			}
			_, err := r.incremental()
			require.NoError(t, err)
			require.Equal(t, time.Hour, r.elapsed)
			require.Equal(t, ledger.Cancelled, r.Ledger.Runs()[0].State)
			require.Equal(t, ledger.Completed, r.Ledger.Runs()[1].State)
			r.requireEachPageOnce(t, "customers")
		})
	}
}

// pausedAtItsEnd pauses when the outcome of the only pass is published, and resumes an hour later.
func pausedAtItsEnd(r *rig, later func()) {
	r.Ledger.Request(events.Incremental, "jobs")
	r.whenPublished(events.Completed.Name, func() { r.signal(workflows.SignalPause, nil) })
	r.prepare = func(int) { r.after(time.Hour, later) }
}

func TestPauseAtTheEndAppliesToTheNextRequest(t *testing.T) {
	t.Parallel()
	r := newRig()
	pausedAtItsEnd(r, func() {
		p := r.progress(t)
		require.True(t, p.Paused)
		require.Zero(t, p.RunNumber, "nothing is under way")
		r.requested("customers")
		r.after(time.Hour, func() {
			require.Empty(t, r.API.PageRequests("customers"))
			r.signal(workflows.SignalResume, nil)
		})
	})
	result, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 2, result.Passes)
	require.Equal(t, 2*time.Hour, r.elapsed)
	require.Equal(t, ledger.Completed, r.Ledger.Runs()[1].State)
	r.requireEachPageOnce(t, "customers")
}

func TestPauseWithoutRequestsEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		later func(*rig)
		after time.Duration
	}{
		"with a resume":               {func(r *rig) { r.signal(workflows.SignalResume, nil) }, time.Hour},
		"with a cancel":               {func(r *rig) { r.signal(workflows.SignalCancel, nil) }, time.Hour},
		"with a cancel of Temporal's": {func(r *rig) { r.env.CancelWorkflow() }, time.Hour},
		"when it has expired":         {func(*rig) {}, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.limits.PauseLimit = 2 * time.Hour
			pausedAtItsEnd(r, func() { c.later(r) })
			_, err := r.incremental()
			if err != nil {
				require.ErrorContains(t, err, "canceled")
			}
			require.Equal(t, c.after, r.elapsed)
			require.Len(t, r.Ledger.Runs(), 1)
			require.Equal(t, ledger.Completed, r.Ledger.Runs()[0].State)
		})
	}
}

func TestExpiredPauseDoesNotHoldTheNextPass(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.PauseLimit = time.Hour
	r.Ledger.Request(events.Incremental, "jobs")
	r.at("jobs", 2, func() {
		r.requested("customers")
		r.signal(workflows.SignalPause, nil)
	})
	_, err := r.incremental()
	require.NoError(t, err)
	runs := r.Ledger.Runs()
	require.Equal(t, ledger.Cancelled, runs[0].State)
	require.Equal(t, "pause expired", runs[0].Reason)
	require.Equal(t, ledger.Completed, runs[1].State, "the requests behind it are served")
	require.Equal(t, time.Hour, r.elapsed)
}

// A pass that begins while the tenant's incremental sync is paused is paused in the ledger and in
// its events, like one that is paused later.
func TestPassThatBeginsPausedIsRecordedAsPaused(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "jobs")
	r.Events.Refuse = func(_ context.Context, e events.Event) error {
		if e.Type() == events.Completed.Name && len(r.Ledger.Runs()) == 1 && r.progress(t).Paused == false {
			r.requested("customers")
			r.signal(workflows.SignalPause, workflows.ControlSignal{Reason: "maintenance", Actor: "ann"})
			return errors.New("no servers available") // so that the signal comes before the pass ends
		}
		return nil
	}
	r.prepare = func(int) {
		r.after(time.Hour, func() {
			require.Len(t, r.Ledger.Runs(), 2)
			run := r.Ledger.Runs()[1]
			require.Equal(t, ledger.Paused, run.ReportedState())
			require.Equal(t, ledger.Pause{Since: run.Pause.Since, Actor: "ann", Reason: "maintenance", Number: 1}, *run.Pause)
			require.Equal(t, []string{"sync.started", "sync.completed", "sync.started", "sync.paused"}, r.Events.Subjects())
			r.signal(workflows.SignalResume, nil)
		})
	}
	_, err := r.incremental()
	require.NoError(t, err)
	require.Nil(t, r.Ledger.Runs()[1].Pause)
	require.Equal(t, ledger.Completed, r.Ledger.Runs()[1].State)
	require.Equal(t, []string{"sync.resumed", "sync.completed"}, r.Events.Subjects()[4:])
}

func TestPauseLimitCountsFromThePause(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.PauseLimit = time.Hour
	r.Ledger.Request(events.Incremental, "jobs")
	tries := 0
	r.Events.Refuse = func(_ context.Context, e events.Event) error { // it takes 15 seconds to tell the outcome
		if e.Type() != events.Completed.Name {
			return nil
		}
		if tries++; tries == 1 {
			r.requested("customers")
			r.signal(workflows.SignalPause, nil)
		}
		if tries <= 4 {
			return errors.New("no servers available")
		}
		return nil
	}
	_, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, "pause expired", r.Ledger.Runs()[1].Reason)
	require.Equal(t, time.Hour, r.elapsed)
}

func TestPauseBetweenPassesThatBeginsAsAnotherEndsHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.PauseLimit = 72 * time.Hour
	r.Ledger.Request(events.Incremental, "jobs")
	r.whenPublished(events.Completed.Name, func() { r.signal(workflows.SignalPause, nil) })
	r.prepare = func(int) {
		r.after(71*time.Hour, r.pausedAgain)
		r.after(75*time.Hour, func() { r.signal(workflows.SignalResume, nil) })
	}
	_, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, 75*time.Hour, r.elapsed)
}
