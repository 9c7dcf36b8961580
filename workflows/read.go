package workflows

import (
	"cmp"
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// How read ended.
type readEnd int

const (
	readDone   readEnd = iota // complete, stopped or decided: finish the run
	rolledOver                // go on in a new execution
)

// read reads the run's entities, a few at a time, until all are complete or
// something stops it.
func (r *run) read(workflow.Context) readEnd {
	r.cancels = make([]workflow.CancelFunc, len(r.Entities))
	timed, stopClock := workflow.WithCancel(r.ctx)
	clock := workflow.NewWaitGroup(r.ctx)
	clock.Add(1)
	workflow.Go(timed, func(ctx workflow.Context) {
		defer clock.Done()
		r.clock(ctx)
	})
	slots := workflow.NewSemaphore(r.ctx, int64(max(1, r.limits.Parallel)))
	readers := workflow.NewWaitGroup(r.ctx)
	readers.Add(len(r.Entities))
	for i := range r.Entities {
		workflow.Go(r.ctx, func(ctx workflow.Context) {
			defer readers.Done()
			if slots.Acquire(ctx, 1) == nil {
				defer slots.Release(1)
				r.entity(ctx, i)
			}
		})
	}
	readers.Wait(r.ctx)
	stopClock()
	clock.Wait(r.ctx)
	if r.rolling && !r.stopping() {
		return rolledOver
	}
	return readDone
}

// entity reads one entity, slice after slice.
func (r *run) entity(ctx workflow.Context, i int) {
	p := &r.Entities[i]
	for busy := time.Second; p.Status == ""; {
		_ = workflow.Await(ctx, func() bool { return !r.Paused || r.stopping() })
		r.rolling = r.rolling || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		if r.stopping() || r.rolling {
			return
		}
		result, err := r.slice(ctx, i)
		var app *temporal.ApplicationError
		switch {
		case err == nil && result.Busy:
			p.Waiting = &events.Waiting{Why: events.WaitBusy}
			_, _ = workflow.AwaitWithTimeout(ctx, busy, r.stopping)
			busy = min(2*busy, 30*time.Second)
		case err == nil:
			p.reached(result)
		case errors.As(err, &app) && app.Type() == activities.TypeDecided:
			r.decided = true
			r.cancelSlices()
		case isUnknownRun(err):
			r.decided, r.unknown = true, true
			r.cancelSlices()
		case interrupted(err):
			// A pause or a cancel met the slice while it waited for another try.
		default:
			p.Status, p.Phase = events.StatusFailed, events.PhaseDone
			r.Failure = runError(p.Entity, err)
		}
	}
}

// interrupted says whether a slice ended because we cancelled it. Where its last try
// failed or died at that moment, Temporal reports that trouble instead of the cancel.
func interrupted(err error) bool {
	var tried *temporal.ActivityError
	return temporal.IsCanceledError(err) ||
		errors.As(err, &tried) && tried.RetryState() == enums.RETRY_STATE_CANCEL_REQUESTED
}

// slice runs one slice in a context of its own, so that a pause can end it.
func (r *run) slice(ctx workflow.Context, i int) (activities.SliceResult, error) {
	ctx, cancel := workflow.WithCancel(sliceOptions(ctx, r.Mode))
	defer cancel()
	r.cancels[i] = cancel
	defer func() { r.cancels[i] = nil }()
	var result activities.SliceResult
	err := workflow.ExecuteActivity(ctx, sliceActivities.SyncSlice, activities.SliceInput{
		RunNumber: r.RunNumber, TenantID: r.TenantID, Mode: r.Mode, Entity: r.Entities[i].Entity, Execution: r.Execution,
	}).Get(ctx, &result)
	return result, err
}

func (p *EntityProgress) reached(s activities.SliceResult) {
	p.Status, p.Pages, p.Records, p.Total, p.Waiting = s.Status, s.Pages, s.Records, s.Total, nil
	p.Phase = cmp.Or(s.Phase, events.PhaseReading)
	if s.Status != "" {
		p.Phase = events.PhaseDone
	}
}

// clock ends the run when it has worked or been paused for too long.
func (r *run) clock(ctx workflow.Context) {
	for !r.stopping() && ctx.Err() == nil {
		paused, since := r.Paused, workflow.Now(ctx)
		left := r.limits.Deadline - r.Worked
		if paused {
			left = r.limits.PauseLimit - since.Sub(r.PausedSince)
		}
		changed, err := workflow.AwaitWithTimeout(ctx, max(left, 0), func() bool { return r.Paused != paused || r.stopping() })
		if !paused {
			r.Worked += workflow.Now(ctx).Sub(since)
		}
		switch {
		case err != nil || changed:
		case paused:
			r.Paused = false
			r.end(ledger.Finalization{State: ledger.Cancelled, Reason: "pause expired"})
		default:
			r.end(ledger.Finalization{State: ledger.Failed, Error: &events.RunError{
				Type: events.DeadlineExceeded, Message: "the run was not complete after " + r.limits.Deadline.String() + " of work",
			}})
		}
	}
}

func runError(entity string, err error) *events.RunError {
	re := &events.RunError{Type: events.APIError, Message: err.Error(), Entity: entity}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		re.Type, re.Message = events.ErrorType(app.Type()), app.Message()
	}
	return re
}
