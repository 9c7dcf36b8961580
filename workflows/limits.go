package workflows

import (
	"fmt"
	"math"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// enforceLimits ends the run when it exceeds its deadline, the limit of a pause, or the limit of
// both together.
func (r *run) enforceLimits(ctx workflow.Context) {
	for !r.isStopping() && ctx.Err() == nil {
		paused, pausedSince, since := r.Paused, r.PausedSince, workflow.Now(ctx)
		left := r.limits.Deadline - r.Worked
		if paused {
			left = r.limits.PauseLimit - since.Sub(pausedSince)
		}
		left = min(max(left, 0), r.leftInAll(since))
		changed, err := workflow.AwaitWithTimeout(ctx, left, func() bool { return r.Paused != paused || r.isStopping() })
		if !paused {
			r.Worked += workflow.Now(ctx).Sub(since)
		}
		switch {
		case err != nil || changed:
		case paused && r.isPausedAgain(ctx, pausedSince):
		case paused:
			r.Paused = false
			r.stop(ledger.Finalization{State: ledger.Cancelled, Reason: "pause expired"})
		default:
			r.stop(ledger.Finalization{State: ledger.Failed, Error: r.deadlineExceeded()})
		}
	}
}

// leftInAll returns the time after which a run must end whether it is paused or not, so that it
// finalizes itself before Temporal ends its workflow (Limits.ExecutionTimeout). It is at least a
// second, so that a wait that had a timer in an earlier version has one when it is replayed.
func (r *run) leftInAll(now time.Time) time.Duration {
	if r.Mode.Info().PerTenant {
		return math.MaxInt64 // its workflow has no such timeout
	}
	return max(r.limits.total()-now.Sub(r.StartedAt), time.Second)
}

func (r *run) deadlineExceeded() *events.RunError {
	message := "the run was not complete after " + r.limits.Deadline.String() + " of work"
	if r.Worked < r.limits.Deadline {
		message = fmt.Sprintf("the run was not complete after %s with its pauses, and %s of work", r.limits.total(), r.Worked.Round(time.Second))
	}
	return &events.RunError{Type: events.DeadlineExceeded, Message: message}
}

// newPauseNewLimit is the change ID of the version in which a pause that begins in the workflow task
// in which another ends has a limit of its own.
const newPauseNewLimit = "each pause has its own limit"

// isPausedAgain reports whether the pause that began at since has ended and another has begun. Both
// may be in one workflow task, if no worker ran for a while: no wait sees that the run was not
// paused in between.
func (r *run) isPausedAgain(ctx workflow.Context, since time.Time) bool {
	return r.Paused && !r.PausedSince.Equal(since) &&
		workflow.GetVersion(ctx, newPauseNewLimit, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}
