package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// ContinueAsNewState is the state that a run passes to the next execution when its history
// grows too long. The position of each entity is in the ledger, not here.
type ContinueAsNewState struct {
	TenantID      events.TenantID
	RunNumber     int64
	Execution     ledger.Execution // of the run; absent when an earlier version carried it
	Mode          events.Mode
	Refresh       bool `json:",omitempty"` // the run reads what its requests name
	Entities      []ledger.EntityProgress
	StartedAt     time.Time        // of the first execution; absent when an earlier version carried it
	Worked        time.Duration    // unpaused duration so far
	Failure       *events.RunError // of an entity whose error is not in the ledger
	EntityFailure *events.RunError `json:",omitempty"` // the first that is in the ledger; absent when an earlier version carried it

	Paused      bool
	PausedSince time.Time
	PauseReason string // absent when an earlier version carried it, as is PauseActor
	PauseActor  string
	Announced   int                        // pauses and resumes so far
	Unpublished []activities.AnnounceInput `json:"Untold"` // those that are not published yet

	Seen         []string // identities of the latest controls
	LastSequence uint64   // of the latest applied control; 0 if none had a sequence

	Passes int // finished passes of an IncrementalSync
	Last   Result

	Finishing    bool `json:",omitempty"` // the outcome is being published
	OutcomeBegun bool `json:",omitempty"` // every pause before it is published; absent when an earlier version carried it

	Stop *ledger.Finalization // set when the run must stop reading
	Next *ledger.Finalization // ends the next pass: a cancel that arrived too late for this one
}

// run is the state of one workflow execution.
type run struct {
	ContinueAsNewState
	limits Limits
	ctx    workflow.Context // never cancelled by Temporal: a cancel ends the run in an orderly way

	isFinalized bool // nothing may be written for the run
	isMissing   bool // from the ledger: nothing can be written for the run
	isDecided   bool // the ledger had another outcome already: a cancel came too late
	historyFull bool // the history is long: continue as new
	endsWaits   bool // likewise, and no wait may delay that
	cancelled   bool // by Temporal, and that was applied
	cancels     []workflow.CancelFunc
}

// The activities. Workflows use only their names.
var (
	runActivities   *activities.Runs
	sliceActivities *activities.Slices
)

func newRun(ctx workflow.Context, mode events.Mode, in SyncInput) (*run, error) {
	r := &run{limits: in.Limits}
	if in.Carried != nil {
		r.ContinueAsNewState = *in.Carried
	}
	r.Mode = mode
	if r.StartedAt.IsZero() {
		r.StartedAt = workflow.GetInfo(ctx).WorkflowStartTime
	}
	r.ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := workflow.SetQueryHandler(ctx, QueryProgress, func() (ledger.Progress, error) { return r.progress(), nil }); err != nil {
		return nil, err
	}
	workflow.Go(r.ctx, r.control)
	workflow.Go(r.ctx, r.publishAnnouncements)
	workflow.Go(r.ctx, r.watchHistory)
	workflow.Go(r.ctx, func(own workflow.Context) {
		ctx.Done().Receive(own, nil)
		r.cancelInTemporal()
	})
	return r, nil
}

// begin begins the run in the ledger. Found is false if no request waits, or if the requests have to
// wait. Its error may be errContinueAsNew.
func (r *run) begin(ctx workflow.Context, in ledger.BeginInput) (begun activities.BeginResult, err error) {
	info := workflow.GetInfo(ctx)
	in.Mode, in.WorkflowID, in.FirstRunID = r.Mode, info.WorkflowExecution.ID, info.FirstRunID
	if r.Paused {
		in.Pause = &ledger.Pause{Since: r.PausedSince, Actor: r.PauseActor, Reason: r.PauseReason, Number: r.Announced}
	}
	if err = r.step(runActivities.BeginRun, in, &begun); err != nil || !begun.Found {
		return begun, err
	}
	r.TenantID, r.RunNumber, r.Execution, r.Refresh = in.TenantID, begun.RunNumber, begun.Execution, begun.Refresh
	r.isFinalized = begun.State != ledger.Running
	r.dropOutdated(in.Pause)
	for _, name := range begun.Entities {
		r.Entities = append(r.Entities, ledger.EntityProgress{Entity: name, Phase: events.PhaseQueued, Total: ledger.UnknownTotal})
	}
	return begun, nil
}

// finish finalizes the run and publishes its outcome. Its error has the type
// activities.TypeUnknownRun if the ledger was restored to an earlier state without the run:
// nothing can be finalized then. It may be errContinueAsNew.
func (r *run) finish() (Result, error) {
	decision := ledger.Finalization{State: ledger.Completed}
	if r.Failure != nil {
		decision = ledger.Finalization{State: ledger.Failed, Error: r.Failure}
	}
	if r.Stop != nil {
		decision = *r.Stop
	}
	r.Finishing = true
	if !r.OutcomeBegun && !r.await(func() bool { return len(r.Unpublished) == 0 }) { // pauses are published before the outcome
		return Result{}, errContinueAsNew
	}
	r.OutcomeBegun = true
	if r.isMissing {
		return Result{}, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("run %d is not in the ledger any more: it was restored to an earlier state", r.RunNumber), activities.TypeUnknownRun, nil)
	}
	var state ledger.RunState
	in := activities.FinishInput{RunNumber: r.RunNumber, Outcome: decision, Execution: r.Execution}
	if err := r.step(runActivities.FinishRun, in, &state); err != nil {
		return Result{}, err
	}
	// Of a repeated workflow task, the first attempt may have finished the run before the cancel arrived.
	r.isDecided = state != decision.State && runsStepsWithinTask(r.ctx)
	return r.show(Result{RunNumber: r.RunNumber, State: state}, decision), nil
}

// isUnknownRun reports whether an activity failed because the ledger does not have its run.
func isUnknownRun(err error) bool {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && app.Type() == activities.TypeUnknownRun
}

// nextPass resets the state of the finished pass. A pause remains, because it applies to the
// tenant's incremental sync.
func (r *run) nextPass() {
	r.Passes++
	if (r.isMissing || r.isDecided) && r.Next == nil && r.Stop != nil && r.Stop.ClaimQueued {
		r.Next = r.Stop // the requests that it means still wait
	}
	r.RunNumber, r.Execution, r.Entities, r.Worked, r.Failure, r.EntityFailure = 0, ledger.Execution{}, nil, 0, nil, nil
	r.Stop, r.Next = r.Next, nil
	r.isFinalized, r.isMissing, r.isDecided, r.Finishing, r.OutcomeBegun, r.historyFull = false, false, false, false, false, false
}

// continueAsNewState returns the state for the next execution. It first applies pending
// controls, because a signal that was not received, or a cancel of this execution, would be
// lost.
func (r *run) continueAsNewState(ctx workflow.Context) *ContinueAsNewState {
	r.applyControls()
	if ctx.Err() != nil {
		r.cancelInTemporal()
	}
	c := r.ContinueAsNewState
	return &c
}

// isStopping reports whether the run must not read another page.
func (r *run) isStopping() bool { return r.Stop != nil || r.isFinalized }

// mayNotWait reports whether a wait of the run has to end.
func (r *run) mayNotWait() bool { return r.isStopping() || r.endsWaits }

// everyCancelIsKept is the change ID of the version in which a cancel that arrives while the outcome of
// an earlier cancel is being published is kept.
const everyCancelIsKept = "a cancel during the outcome of another is kept"

// stop stops the run. The first reason is kept. A later cancel that includes the waiting
// requests ends the pass that would serve them. While the outcome is being published, that is a
// pass to come even if the outcome includes the requests that waited before.
func (r *run) stop(d ledger.Finalization) {
	switch {
	case r.Stop == nil && !r.Finishing:
		r.Stop = &d
		r.cancelSlices()
	case d.ClaimQueued && (r.Stop == nil || !r.Stop.ClaimQueued || r.Finishing && r.keepsEveryCancel()):
		if r.Next != nil {
			d.ClaimUntil = later(r.Next.ClaimUntil, d.ClaimUntil)
		}
		r.Next = &d
	case d.ClaimQueued:
		r.Stop.ClaimUntil = later(r.Stop.ClaimUntil, d.ClaimUntil)
	}
}

// later returns the later of two times in ns, of which 0 is the end of time.
func later(a, b uint64) uint64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

func (r *run) keepsEveryCancel() bool {
	return workflow.GetVersion(r.ctx, everyCancelIsKept, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// cancelInTemporal applies Temporal's own cancellation, once, like the signal cancel.
func (r *run) cancelInTemporal() {
	if !r.cancelled {
		r.cancelled = true
		r.stop(ledger.Finalization{State: ledger.Cancelled, Reason: "cancelled in Temporal", ClaimQueued: true})
	}
}

// cancelSlices cancels every slice. A slice still stores the pages it has requested.
func (r *run) cancelSlices() {
	for _, cancel := range r.cancels {
		if cancel != nil {
			cancel()
		}
	}
}

// hasSlices reports whether a slice runs or waits for its next attempt.
func (r *run) hasSlices() bool {
	return slices.ContainsFunc(r.cancels, func(cancel workflow.CancelFunc) bool { return cancel != nil })
}

func (r *run) progress() ledger.Progress {
	p := ledger.Progress{RunNumber: r.RunNumber, Mode: r.Mode, Paused: r.Paused, Passes: r.Passes, Entities: slices.Clone(r.Entities)}
	if r.Stop != nil {
		p.Stopping = string(r.Stop.State)
	}
	for i := range p.Entities {
		if e := &p.Entities[i]; r.Paused && e.Status == "" {
			e.Waiting = &events.Waiting{Why: events.WaitPaused}
		}
	}
	return p
}
