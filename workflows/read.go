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

// readOutcome is the outcome of run.read.
type readOutcome int

const (
	readDone          readOutcome = iota // complete, stopped or finalized: finish the run
	readContinueAsNew                    // continue in a new execution
)

// read reads the run's entities, a few at a time, until all are complete or
// something stops it.
func (r *run) read() readOutcome {
	if r.Finishing {
		return readDone
	}
	r.cancels = make([]workflow.CancelFunc, len(r.Entities))
	timed, stopClock := workflow.WithCancel(r.ctx)
	clock := workflow.NewWaitGroup(r.ctx)
	clock.Add(1)
	workflow.Go(timed, func(ctx workflow.Context) {
		defer clock.Done()
		r.enforceLimits(ctx)
	})
	slots := workflow.NewSemaphore(r.ctx, int64(max(1, r.limits.Parallel)))
	readers := workflow.NewWaitGroup(r.ctx)
	readers.Add(len(r.Entities))
	for i := range r.Entities {
		workflow.Go(r.ctx, func(ctx workflow.Context) {
			defer readers.Done()
			if slots.Acquire(ctx, 1) == nil {
				defer slots.Release(1)
				r.readEntity(ctx, i)
			}
		})
	}
	readers.Wait(r.ctx)
	stopClock()
	clock.Wait(r.ctx)
	if r.historyFull && !r.isStopping() {
		return readContinueAsNew
	}
	return readDone
}

// readEntity reads one entity in slices.
func (r *run) readEntity(ctx workflow.Context, i int) {
	p := &r.Entities[i]
	for busy := time.Second; p.Status == ""; {
		_ = workflow.Await(ctx, func() bool { return !r.Paused || r.mayNotWait() })
		r.historyFull = r.historyFull || r.isHistoryLong(ctx)
		if r.isStopping() || r.historyFull {
			return
		}
		result, err := r.runSlice(ctx, i)
		var app *temporal.ApplicationError
		switch {
		case err == nil && result.Busy:
			p.Waiting = &events.Waiting{Why: events.WaitBusy}
			_, _ = workflow.AwaitWithTimeout(ctx, busy, r.mayNotWait)
			busy = min(2*busy, 30*time.Second)
		case err == nil:
			update(p, result)
			r.EntityFailure = cmp.Or(r.EntityFailure, result.Error)
		case errors.As(err, &app) && app.Type() == activities.TypeFinalized:
			r.isFinalized = true
			r.cancelSlices()
		case isUnknownRun(err):
			r.isFinalized, r.isMissing = true, true
			r.cancelSlices()
		case isInterrupted(err):
			// A pause, a cancel or a long history ended it while it waited for its next attempt.
		default:
			p.Status, p.Phase = events.StatusFailed, events.PhaseDone
			r.Failure = runError(p.Entity, err)
		}
	}
}

// isInterrupted reports whether a slice ended because the workflow cancelled it. If its last
// attempt failed at that moment, Temporal reports that error instead of the cancel.
func isInterrupted(err error) bool {
	var tried *temporal.ActivityError
	return temporal.IsCanceledError(err) ||
		errors.As(err, &tried) && tried.RetryState() == enums.RETRY_STATE_CANCEL_REQUESTED
}

// runSlice runs one slice in its own context, so that a pause can end it.
func (r *run) runSlice(ctx workflow.Context, i int) (activities.SliceResult, error) {
	ctx, cancel := workflow.WithCancel(sliceOptions(ctx, r.Mode, r.Entities[i].Entity))
	defer cancel()
	r.cancels[i] = cancel
	defer func() { r.cancels[i] = nil }()
	slice := sliceActivities.SyncSlice
	if r.Refresh {
		slice = sliceActivities.RefreshSlice
	}
	var result activities.SliceResult
	err := workflow.ExecuteActivity(ctx, slice, activities.SliceInput{
		RunNumber: r.RunNumber, TenantID: r.TenantID, Mode: r.Mode, Entity: r.Entities[i].Entity, Execution: r.Execution,
	}).Get(ctx, &result)
	return result, err
}

// update sets the progress of an entity to the result of a slice.
func update(p *ledger.EntityProgress, s activities.SliceResult) {
	p.Status, p.Pages, p.Records, p.Total, p.Waiting = s.Status, s.Pages, s.Records, s.Total, nil
	p.Phase = cmp.Or(s.Phase, events.PhaseReading)
	if s.Status != "" {
		p.Phase = events.PhaseDone
	}
}

func runError(entity string, err error) *events.RunError {
	re := &events.RunError{Type: events.APIError, Message: err.Error(), Entity: entity}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		re.Type, re.Message = events.ErrorType(app.Type()), app.Message()
	}
	return re
}
