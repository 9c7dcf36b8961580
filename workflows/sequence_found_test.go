package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// The scripts of sequences that failed, each as a test.

func requested(at moment) step {
	data := events.RequestData{Mode: events.Incremental, Entities: []string{"jobs"}}
	return step{at, action{what: "request incremental jobs", do: func(s *sequence) { s.request(data, bridgeFault{}, false) }}}
}

func controlled(at moment, kind events.Action) step {
	data := events.ControlData{Action: kind, WorkflowID: workflows.IncrementalSyncID(tenant)}
	return step{at, action{what: string(kind), do: func(s *sequence) { s.control(data, bridgeFault{}, false) }}}
}

// requireScript requires that nothing is wrong after a script.
func requireScript(t *testing.T, history int, interval time.Duration, steps ...step) {
	t.Helper()
	sc := script{settings{History: history, Slice: time.Second, Parallel: 1, PauseLimit: 72 * time.Hour, Interval: interval}, steps}
	failure, log := sc.carryOut(t)
	require.Empty(t, failure, log)
}

// A pause arrives while the outcome of a pass is being written, so that no run was paused. The resume was published for
// the next pass, without a pause.
func TestAResumeFollowsItsPause(t *testing.T) {
	t.Parallel()
	requireScript(t, 5, 0,
		requested(moment{}), requested(moment{point: "BeginRun ends", nth: 1}),
		controlled(moment{point: "Finalize returns", nth: 1}, events.Pause),
		step{moment{point: "FinishRun ends", nth: 1}, action{what: "it fails", fault: errUnavailable}},
		controlled(moment{point: "FinishRun ends", nth: 2}, events.Resume),
	)
}

// A paused pass is cancelled, and resumed while its outcome is being written. The next pass has no pause to end.
func TestTheResumeOfAnEarlierPassIsNotPublished(t *testing.T) {
	t.Parallel()
	requireScript(t, 0, 0,
		requested(moment{}), controlled(moment{point: "BeginRun begins", nth: 1}, events.Pause),
		controlled(moment{point: "BeginRun is called", nth: 1}, events.Cancel),
		controlled(moment{point: "Finalize returns", nth: 1}, events.Resume), requested(moment{point: "FinishRun ends", nth: 1}),
	)
}

// A pause arrives just before the outcome of a run is written. Its event was published after the outcome.
func TestNoPauseFollowsTheOutcome(t *testing.T) {
	t.Parallel()
	for passes := 1; passes <= 12; passes++ { // calls of each take other times
		steps := []step{requested(moment{}), controlled(moment{point: "FinishRun begins", nth: passes}, events.Pause)}
		for nth := 1; nth < passes; nth++ {
			steps = append(steps, requested(moment{point: "sync.completed was published", nth: nth}))
		}
		requireScript(t, 0, 0, steps...)
	}
}

// A tenant is paused, resumed and paused again before a pass begins. The pass published the last pause, and then the
// first one and the resume: its events said that it was not paused.
func TestAPassThatBeginsPausedPublishesItsLastPause(t *testing.T) {
	t.Parallel()
	requireScript(t, 0, 20*time.Minute,
		requested(moment{}), requested(moment{point: "sync.completed was published", nth: 1}),
		controlled(moment{after: time.Second}, events.Pause),
		controlled(moment{after: 13 * time.Second}, events.Resume),
		controlled(moment{after: time.Minute}, events.Pause),
	)
}

// A cancel arrives while an earlier one looks for the requests that it ends, and finds none.
func TestACancelDuringTheLookOfAnotherIsKept(t *testing.T) {
	t.Parallel()
	r := newRig()
	first := r.Ledger.Request(events.Incremental, "jobs")
	var later ledger.Request
	r.whenPublished(events.Completed.Name, func() {
		r.cancelAfter(first)
		later = r.requested("customers")
	})
	r.atLook(2, func() { r.cancelAfter(later) })
	_, _ = r.incremental()
	require.Equal(t, []ledger.RunState{ledger.Completed, ledger.Cancelled}, r.statesOf(first, later))
}

// A pause arrives when a pass ends, and expires before another request. The pass of that request is not paused.
func TestAPauseThatExpiredBetweenPassesIsNotPublished(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "jobs")
	r.whenPublished(events.Completed.Name, func() { r.signal(workflows.SignalPause, nil) })
	r.atLook(3, func() { r.requested("customers") }) // the look right after the pause
	_, err := r.incremental()
	require.NoError(t, err)
	require.Equal(t, r.limits.PauseLimit, r.elapsed)
	require.Equal(t, []string{"sync.started", "sync.completed", "sync.started", "sync.completed"}, r.Events.Subjects())
	require.Nil(t, r.Ledger.Runs()[1].Pause)
}
