package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Carried is what a run hands to the next execution when its history grows too
// long. Where each entity stands is in the ledger and not in here.
type Carried struct {
	TenantID  string
	RunNumber int64
	Mode      events.Mode
	Entities  []EntityProgress
	Worked    time.Duration    // unpaused time so far
	Failure   *events.RunError // of an entity whose error is not in the ledger

	Paused      bool
	PausedSince time.Time
	Announced   int                        // pauses and resumes so far
	Untold      []activities.AnnounceInput // those that are not published yet

	Seen         []string // identities of the latest controls
	LastSequence uint64   // of the latest control that has one

	Passes int // finished passes of an IncrementalSync
	Last   Result
}

// run is the state of one workflow execution: what it carries, and what it is doing.
type run struct {
	Carried
	limits Limits
	ctx    workflow.Context // never cancelled by Temporal: a cancel ends the run in good order

	stop    *ledger.Decision // set once no further page may be asked for
	decided bool             // somebody else decided the run: nothing may be written
	rolling bool             // the history is long: go on in a new execution
	cancels []workflow.CancelFunc
}

// How read ended.
type readEnd int

const (
	readDone   readEnd = iota // complete, stopped or decided: finish the run
	rolledOver                // go on in a new execution
)

// The activities, by name only.
var (
	runActivities   *activities.Runs
	sliceActivities *activities.Slices
)

func newRun(ctx workflow.Context, limits Limits, carried *Carried) (*run, error) {
	r := &run{limits: limits}
	if carried != nil {
		r.Carried = *carried
	}
	r.ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := workflow.SetQueryHandler(ctx, QueryProgress, func() (Progress, error) { return r.progress(), nil }); err != nil {
		return nil, err
	}
	workflow.Go(r.ctx, r.control)
	workflow.Go(r.ctx, r.tell)
	workflow.Go(r.ctx, func(workflow.Context) {
		ctx.Done().Receive(r.ctx, nil)
		r.end(ledger.Decision{State: ledger.Cancelled, Reason: "cancelled in Temporal", TakeWaiting: true})
	})
	return r, nil
}

// begin begins the run in the ledger. It is false when there is nothing to do.
func (r *run) begin(ctx workflow.Context, in ledger.Begin) (bool, error) {
	info := workflow.GetInfo(ctx)
	in.WorkflowID, in.FirstRunID = info.WorkflowExecution.ID, info.FirstRunID
	var begun activities.Begun
	if err := workflow.ExecuteActivity(ledgerOptions(r.ctx), runActivities.BeginRun, in).Get(r.ctx, &begun); err != nil {
		return false, err
	}
	if !begun.Found {
		return false, nil
	}
	r.TenantID, r.RunNumber, r.Mode = in.TenantID, begun.RunNumber, in.Mode
	r.decided = begun.State != ledger.Running
	for _, name := range begun.Entities {
		r.Entities = append(r.Entities, EntityProgress{Entity: name, Phase: events.PhaseQueued, Total: -1})
	}
	return true, nil
}

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
		case temporal.IsCanceledError(err):
			// A pause or a cancel met the slice while it waited for another try.
		case errors.As(err, &app) && app.Type() == activities.TypeDecided:
			r.decided = true
			r.cancelSlices()
		default:
			p.Status, p.Phase = events.StatusFailed, events.PhaseDone
			r.Failure = runError(p.Entity, err)
		}
	}
}

// slice runs one slice in a context of its own, so that a pause can end it.
func (r *run) slice(ctx workflow.Context, i int) (activities.SliceResult, error) {
	ctx, cancel := workflow.WithCancel(sliceOptions(ctx))
	defer cancel()
	r.cancels[i] = cancel
	defer func() { r.cancels[i] = nil }()
	var result activities.SliceResult
	err := workflow.ExecuteActivity(ctx, sliceActivities.SyncSlice, activities.SliceInput{
		RunNumber: r.RunNumber, TenantID: r.TenantID, Mode: r.Mode, Entity: r.Entities[i].Entity,
	}).Get(ctx, &result)
	return result, err
}

func (p *EntityProgress) reached(s activities.SliceResult) {
	p.Status, p.Pages, p.Records, p.Total, p.Waiting = s.Status, s.Pages, s.Records, s.Total, nil
	p.Phase = events.PhaseReading
	if s.Status != "" {
		p.Phase = events.PhaseDone
	}
}

// finish decides the run and publishes its outcome.
func (r *run) finish(workflow.Context) (Result, error) {
	decision := ledger.Decision{State: ledger.Completed}
	if r.Failure != nil {
		decision = ledger.Decision{State: ledger.Failed, Error: r.Failure}
	}
	if r.stop != nil {
		decision = *r.stop
	}
	_ = workflow.Await(r.ctx, func() bool { return len(r.Untold) == 0 }) // a pause is told before the outcome
	var state ledger.RunState
	err := workflow.ExecuteActivity(ledgerOptions(r.ctx), runActivities.FinishRun,
		activities.FinishInput{RunNumber: r.RunNumber, Decision: decision}).Get(r.ctx, &state)
	return Result{RunNumber: r.RunNumber, State: state}, err
}

// nextPass forgets the finished pass. A pause outlives it: it is the tenant's
// incremental sync that was paused.
func (r *run) nextPass() {
	r.Passes++
	r.RunNumber, r.Entities, r.Worked, r.Failure = 0, nil, 0, nil
	r.stop, r.decided, r.rolling = nil, false, false
}

// carry returns what the next execution needs. Controls that came until now are
// applied first: a signal that nobody received would be lost.
func (r *run) carry(workflow.Context) *Carried {
	r.applyAll()
	c := r.Carried
	return &c
}

// stopping says whether no further page may be asked for.
func (r *run) stopping() bool { return r.stop != nil || r.decided }

// end stops the run. The first reason stands.
func (r *run) end(d ledger.Decision) {
	if r.stop == nil {
		r.stop = &d
		r.cancelSlices()
	}
}

// cancelSlices asks every slice to stop. It stores what it has asked for.
func (r *run) cancelSlices() {
	for _, cancel := range r.cancels {
		if cancel != nil {
			cancel()
		}
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
			r.end(ledger.Decision{State: ledger.Cancelled, Reason: "pause expired"})
		default:
			r.end(ledger.Decision{State: ledger.Failed, Error: &events.RunError{
				Type: events.DeadlineExceeded, Message: "the run was not complete after " + r.limits.Deadline.String() + " of work",
			}})
		}
	}
}

func (r *run) progress() Progress {
	p := Progress{RunNumber: r.RunNumber, Mode: r.Mode, Paused: r.Paused, Passes: r.Passes, Entities: r.Entities}
	if r.stop != nil {
		p.Stopping = string(r.stop.State)
	}
	return p
}

func runError(entity string, err error) *events.RunError {
	re := &events.RunError{Type: events.APIError, Message: err.Error(), Entity: entity}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		re.Type, re.Message = events.ErrorType(app.Type()), app.Message()
	}
	return re
}
