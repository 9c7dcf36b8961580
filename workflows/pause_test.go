package workflows_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

func TestPauseAndResumeReadNoPageTwice(t *testing.T) {
	t.Parallel()
	for _, entities := range [][]string{{"jobs"}, all} {
		for _, page := range []int{1, 2, 5, 9} {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				r := newRig()
				r.API.Pages = map[string]int{"jobs": 9}
				r.at("jobs", page, func() { r.signal(workflows.SignalPause, workflows.ControlSignal{Reason: "lunch", Actor: "ann"}) })
				var paused int
				r.prepare = func(int) {
					r.after(time.Minute, func() {
						paused = r.countPageRequests()
						require.True(t, r.progress(t).Paused)
						run := r.Ledger.Runs()[0]
						require.Equal(t, ledger.Paused, run.ReportedState())
						require.Equal(t, "lunch", run.Pause.Reason)
						require.Equal(t, "ann", run.Pause.Actor)
					})
					r.after(time.Hour, func() {
						require.Equal(t, paused, r.countPageRequests(), "nothing is requested during the pause")
						r.signal(workflows.SignalResume, workflows.ControlSignal{Actor: "bob"})
					})
				}
				result, err := r.full(entities...)
				require.NoError(t, err)
				require.Equal(t, ledger.Completed, result.State)
				require.Equal(t, time.Hour, r.elapsed)
				require.Len(t, r.API.RequestedPages("jobs")[:page], page)
				r.requireEachPageOnce(t, entities...)
				require.Equal(t, []string{"sync.started", "sync.paused", "sync.resumed", "sync.completed"}, r.Events.Subjects())
				event, err := events.Paused.Data(r.Events.Published()[1].Event)
				require.NoError(t, err)
				require.Equal(t, "lunch", event.Reason)
				require.Equal(t, "ann", event.Actor)
				require.False(t, r.progress(t).Paused)
				require.Nil(t, r.Ledger.Runs()[0].Pause)
			})
		}
	}
}

// With slow, prefetching slices: all requested pages are stored.
func TestPauseStoresPagesInFlight(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T, r *rig) {
		r.slices.Length = 10 * time.Second
		r.API.Latency = 200 * time.Millisecond
		r.API.Pages = map[string]int{"customers": 30, "jobs": 30}
		r.at("customers", 2, func() { r.signal(workflows.SignalPause, nil) })
		r.prepare = func(int) {
			r.after(time.Minute, func() {
				require.Less(t, r.countPageRequests(), 10, "pages stop soon")
				require.Equal(t, r.countPageRequests()*10, r.Ledger.Rows("customers")+r.Ledger.Rows("jobs"), "what was requested is stored")
			})
			r.after(time.Hour, func() { r.signal(workflows.SignalResume, nil) })
		}
		result, err := r.full("customers", "jobs")
		require.NoError(t, err)
		require.Equal(t, ledger.Completed, result.State)
		r.requireEachPageOnce(t, "customers", "jobs")
	})
}

func TestPauseBeforeTheRunBegins(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.prepare = func(int) {
		r.after(0, func() { r.signal(workflows.SignalPause, nil) })
		r.after(time.Hour, func() {
			require.Zero(t, r.countPageRequests())
			r.signal(workflows.SignalResume, nil)
		})
	}
	_, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, time.Hour, r.elapsed)
	r.requireEachPageOnce(t, all...)
	require.Equal(t, []string{"sync.started", "sync.paused", "sync.resumed", "sync.completed"}, r.Events.Subjects())
}

func TestPausedRunDoesNotRetry(t *testing.T) {
	t.Parallel()
	r := newRig()
	var tries, paused atomic.Int64
	r.API.Answer = func(context.Context, activitytest.PageRequest) error {
		if tries.Add(1) < 6 {
			return errors.New("connection refused")
		}
		return nil
	}
	r.prepare = func(int) {
		r.after(10*time.Second, func() {
			paused.Store(tries.Load())
			r.signal(workflows.SignalPause, nil)
		})
		r.after(time.Hour, func() {
			require.EqualValues(t, paused.Load(), tries.Load())
			r.signal(workflows.SignalResume, nil)
		})
	}
	result, err := r.full("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State, "a pause in a bad moment fails nothing")
}

func TestRepeatedPauseIsOnePause(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.at("jobs", 2, func() {
		r.signal(workflows.SignalResume, nil) // nothing to resume
		r.signal(workflows.SignalPause, nil)
		r.signal(workflows.SignalPause, nil)
	})
	r.prepare = func(int) {
		r.after(time.Hour, func() {
			r.signal(workflows.SignalResume, nil)
			r.signal(workflows.SignalResume, nil)
		})
	}
	_, err := r.full("jobs")
	require.NoError(t, err)
	require.Equal(t, []string{"sync.started", "sync.paused", "sync.resumed", "sync.completed"}, r.Events.Subjects())
}

func TestEachPausePublishesAnEvent(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"jobs": 5}
	for _, page := range []int{2, 3, 4} {
		r.at("jobs", page, func() { r.signal(workflows.SignalPause, nil) })
	}
	r.prepare = func(int) {
		for hour := range 3 {
			r.after(time.Duration(hour+1)*time.Hour, func() { r.signal(workflows.SignalResume, nil) })
		}
	}
	_, err := r.full("jobs")
	require.NoError(t, err)
	r.requireEachPageOnce(t, "jobs")
	ids := map[string]bool{}
	for _, e := range r.Events.Published() {
		ids[e.ID()] = true
	}
	require.Len(t, ids, 8)
}

func TestPauseExpires(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.PauseLimit = 3 * time.Hour
	r.at("jobs", 2, func() { r.signal(workflows.SignalPause, nil) })
	result, err := r.full("jobs")
	require.NoError(t, err)
	require.Equal(t, ledger.Cancelled, result.State)
	require.Equal(t, 3*time.Hour, r.elapsed)
	outcome := r.outcome(t)
	require.Equal(t, "pause expired", outcome.Reason)
	require.Equal(t, []events.Result{{Entity: "jobs", Status: events.StatusCancelled, Counts: events.Counts{Pages: 2, Fetched: 20, Inserted: 20}}}, outcome.Results)
}

// slowed makes some pages of an entity be tried again only after a while, once each.
func slowed(entity string, d time.Duration, pages ...int) func(context.Context, activitytest.PageRequest) error {
	var waited [20]atomic.Bool
	return func(_ context.Context, a activitytest.PageRequest) error {
		for _, page := range pages {
			if a.Entity == entity && a.Page == page && !waited[page].Swap(true) {
				return &activitytest.APIError{Message: "429", Delay: d}
			}
		}
		return nil
	}
}

func TestDeadlineExcludesPauses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		waits []int // pages that take six minutes each
		want  ledger.RunState
		took  time.Duration
	}{
		"six minutes of work":    {[]int{2}, ledger.Completed, 6*time.Minute + 54*time.Minute},
		"twelve minutes of work": {[]int{2, 5}, ledger.Failed, 10*time.Minute + 54*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.limits.Deadline = 10 * time.Minute
			r.API.Pages = map[string]int{"jobs": 6}
			r.API.Answer = slowed("jobs", 6*time.Minute, c.waits...)
			r.at("jobs", 4, func() { r.signal(workflows.SignalPause, nil) })
			r.prepare = func(int) { r.after(time.Hour, func() { r.signal(workflows.SignalResume, nil) }) }
			result, err := r.full("jobs")
			require.NoError(t, err)
			require.Equal(t, c.want, result.State)
			require.Equal(t, c.took, r.elapsed)
			if c.want == ledger.Failed {
				require.Equal(t, events.DeadlineExceeded, r.outcome(t).Error.Type)
			}
		})
	}
}

// Each pause has its own limit.
func TestEachPauseHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.PauseLimit = 90 * time.Minute
	r.at("jobs", 2, func() { r.signal(workflows.SignalPause, nil) })
	r.at("jobs", 3, func() { r.signal(workflows.SignalPause, nil) })
	r.prepare = func(int) {
		r.after(time.Hour, func() { r.signal(workflows.SignalResume, nil) })
		r.after(2*time.Hour, func() { r.signal(workflows.SignalResume, nil) })
	}
	r.API.Pages = map[string]int{"jobs": 4}
	result, err := r.full("jobs")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	require.Equal(t, 2*time.Hour, r.elapsed)
}

// pausedAgain ends a pause and begins another in one workflow task, as if no worker had run meanwhile.
func (r *rig) pausedAgain() {
	r.env.SignalWorkflowSkippingWorkflowTask(workflows.SignalResume, workflows.ControlSignal{ID: "resume", Sequence: 12})
	r.signal(workflows.SignalPause, workflows.ControlSignal{ID: "again", Sequence: 13})
}

func TestPauseThatBeginsAsAnotherEndsHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	const longest = 72 * time.Hour
	for name, c := range map[string]struct {
		resumed time.Duration // after the first pause
		want    ledger.RunState
		took    time.Duration
	}{
		"when it is resumed": {75 * time.Hour, ledger.Completed, 75 * time.Hour},
		"when it expires":    {longest + 71*time.Hour + time.Minute, ledger.Cancelled, longest + 71*time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			r.limits.Deadline = longest // so that both together do not end it
			r.API.Pages = map[string]int{"jobs": 5}
			r.at("jobs", 2, func() { r.signal(workflows.SignalPause, workflows.ControlSignal{ID: "first", Sequence: 11}) })
			r.prepare = func(int) {
				r.after(71*time.Hour, r.pausedAgain)
				r.after(c.resumed, func() { r.signal(workflows.SignalResume, nil) })
			}
			result, err := r.full("jobs")
			require.NoError(t, err)
			require.Equal(t, c.want, result.State)
			require.Equal(t, c.took, r.elapsed)
		})
	}
}

// The limits leave a full sync the time of its deadline and of the longest pause together. Temporal would end it an hour
// later, without saying why.
func TestPausesAndWorkTogetherAreLimited(t *testing.T) {
	t.Parallel()
	pauses := func(r *rig, d time.Duration, pages ...int) {
		r.limits.Deadline, r.limits.PauseLimit = 10*time.Hour, 10*time.Hour
		r.API.Pages = map[string]int{"jobs": 9}
		for _, page := range pages {
			r.at("jobs", page, func() {
				r.signal(workflows.SignalPause, nil)
				r.after(d, func() { r.signal(workflows.SignalResume, nil) })
			})
		}
	}
	t.Run("a pause expires", func(t *testing.T) {
		t.Parallel()
		r := newRig()
		pauses(r, 9*time.Hour, 2, 4, 6)
		result, err := r.full("jobs")
		require.NoError(t, err)
		require.Equal(t, ledger.Cancelled, result.State)
		require.Equal(t, "pause expired", r.outcome(t).Reason)
		require.Equal(t, 20*time.Hour, r.elapsed)
	})
	t.Run("a run fails", func(t *testing.T) {
		t.Parallel()
		r := newRig()
		r.API.Answer = slowed("jobs", 4*time.Hour, 7, 8)
		pauses(r, 9*time.Hour, 2, 4)
		r.continuesInTime()
		r.rollOver(1, 19*time.Hour) // while page 7 waits
		result, err := r.full("jobs")
		require.NoError(t, err)
		require.Equal(t, ledger.Failed, result.State)
		require.Equal(t, &events.RunError{
			Type: events.DeadlineExceeded, Message: "the run was not complete after 20h0m0s with its pauses, and 2h0m0s of work",
		}, r.outcome(t).Error)
		require.Equal(t, 20*time.Hour, r.elapsed)
		require.Equal(t, 2, r.executions, "continue-as-new keeps the time")
	})
	t.Run("a pass of an incremental sync completes", func(t *testing.T) {
		t.Parallel()
		r := newRig()
		r.Ledger.Request(events.Incremental, "jobs")
		pauses(r, 9*time.Hour, 2, 4, 6)
		_, err := r.incremental()
		require.NoError(t, err)
		require.Equal(t, ledger.Completed, r.Ledger.Runs()[0].State)
		require.Equal(t, 27*time.Hour, r.elapsed)
	})
}
