package workflows_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// cancelAfter cancels the incremental sync of the tenant as the bridge does, with a control that was published
// right after a request.
func (r *rig) cancelAfter(request ledger.Request) {
	r.signal(workflows.SignalCancel, workflows.ControlSignal{ID: request.ID, Sequence: uint64(request.ReceivedAt.UnixNano())})
}

// statesOf returns the state of the run that serves each request.
func (r *rig) statesOf(requests ...ledger.Request) (states []ledger.RunState) {
	byRequest := map[string]ledger.RunState{}
	for _, run := range r.Ledger.Runs() {
		for _, q := range run.Requests {
			byRequest[q.ID] = run.State
		}
	}
	for _, q := range requests {
		states = append(states, byRequest[q.ID])
	}
	return states
}

// A cancel of a tenant's workflow ends the requests that were published before it. One that follows is served, although
// it arrives before the pass has its outcome.
func TestCancelSparesLaterRequests(t *testing.T) {
	t.Parallel()
	const cancelled, completed = ledger.Cancelled, ledger.Completed
	for name, c := range map[string]struct {
		signal func(r *rig, waiting, later ledger.Request)
		want   []ledger.RunState // of the request that is served, the one that waits, and the later one
	}{
		"one cancel":                     {func(r *rig, waiting, _ ledger.Request) { r.cancelAfter(waiting) }, []ledger.RunState{cancelled, cancelled, completed}},
		"another cancel after it":        {func(r *rig, waiting, later ledger.Request) { r.cancelAfter(waiting); r.cancelAfter(later) }, []ledger.RunState{cancelled, cancelled, cancelled}},
		"the later cancel arrives first": {func(r *rig, waiting, later ledger.Request) { r.cancelAfter(later); r.cancelAfter(waiting) }, []ledger.RunState{cancelled, cancelled, cancelled}},
		"a cancel by hand":               {func(r *rig, _, _ ledger.Request) { r.signal(workflows.SignalCancel, nil) }, []ledger.RunState{cancelled, cancelled, cancelled}},
		"both": {func(r *rig, waiting, _ ledger.Request) {
			r.cancelAfter(waiting)
			r.signal(workflows.SignalCancel, nil)
		}, []ledger.RunState{cancelled, cancelled, cancelled}},
		"only the pass, then all": {func(r *rig, waiting, _ ledger.Request) {
			r.signal(workflows.SignalCancel, workflows.ControlSignal{PassOnly: true})
			r.cancelAfter(waiting)
		}, []ledger.RunState{cancelled, cancelled, completed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			served := r.Ledger.Request(events.Incremental, "jobs")
			var waiting, later ledger.Request
			r.at("jobs", 2, func() {
				waiting, later = r.requested("customers"), r.requested("estimates")
				c.signal(r, waiting, later)
			})
			_, _ = r.incremental()
			require.Equal(t, c.want, r.statesOf(served, waiting, later))
		})
	}
}

// The outcome of a pass is being published when its workflow is cancelled.
func TestCancelDuringAnOutcomeSparesLaterRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		waits bool // a request waits that the cancel ends
		want  []ledger.RunState
	}{
		"a request waits":  {true, []ledger.RunState{ledger.Completed, ledger.Cancelled, ledger.Completed}},
		"no request waits": {false, []ledger.RunState{ledger.Completed, ledger.Completed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			requests, tries := []ledger.Request{r.Ledger.Request(events.Incremental, "jobs")}, 0
			r.Events.Refuse = func(_ context.Context, e events.Event) error {
				if e.Type() != events.Completed.Name || tries > 1 {
					return nil
				}
				if tries++; tries == 2 { // the activity: the workflow receives signals meanwhile
					before := requests[0]
					if c.waits {
						before = r.requested("customers")
						requests = append(requests, before)
					}
					requests = append(requests, r.requested("estimates"))
					r.cancelAfter(before)
				}
				return errors.New("not connected")
			}
			_, err := r.incremental()
			require.NoError(t, err)
			require.Equal(t, c.want, r.statesOf(requests...))
			r.requireEachPageOnce(t, "estimates")
		})
	}
}
