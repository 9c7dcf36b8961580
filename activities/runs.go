package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// RunLedger begins and ends runs.
type RunLedger interface {
	// BeginRun fails with a *ledger.NotDueError if an incremental pass has to wait.
	BeginRun(ctx context.Context, in ledger.BeginInput) (ledger.Run, bool, error)
	Run(ctx context.Context, number int64) (ledger.Run, error)
	// Finalize and MarkPublished fail with ledger.ErrUnknown if the ledger has no such run of
	// that execution.
	Finalize(ctx context.Context, run ledger.Ref, d ledger.Finalization) (ledger.Run, error)
	MarkPublished(ctx context.Context, run ledger.Ref) error
	// RecordPause records that a run is paused, or not any more. A number that is not higher
	// than the last one changes nothing. It also fails with ledger.ErrFinalized.
	RecordPause(ctx context.Context, run ledger.Ref, p ledger.Pause, paused bool) (ledger.Run, error)
	// RaiseRunNumbers makes the next run number higher than one that the event stream has.
	RaiseRunNumbers(ctx context.Context, inStream int64) (last int64, raised bool, err error)
}

// History reads the event stream.
type History interface {
	// LastRunNumber returns the highest number among the latest runs, 0 if there are none.
	LastRunNumber(ctx context.Context) (int64, error)
}

// Publisher publishes one event and returns when it is stored.
type Publisher interface {
	Publish(ctx context.Context, e events.Event) error
}

// Runs are the short activities that begin and finalize a run and publish its events.
type Runs struct {
	Ledger    RunLedger
	Publisher Publisher
	Logger    zerolog.Logger
	Refusals  *Refusals // for readiness; nil records none

	// VerifyNamespace returns an error if the Temporal namespace is not the one that the ledger
	// belongs to: BeginRun finalizes runs of earlier executions. Default: no check.
	VerifyNamespace func(ctx context.Context) error
	// History is the event stream. The number of a new run is above those in the stream, also
	// right after a restore of the ledger. Nil: only the bridge's reconciler ensures that.
	History History
	// MinInterval is the minimum time between the beginnings of two incremental passes, by tenant.
	MinInterval map[events.TenantID]time.Duration
}

// BeginResult describes a run to carry out. The requests that it serves stay in the ledger: ten
// thousand of them would not fit a workflow's history.
type BeginResult struct {
	Found     bool // false if no request waits and there is no run
	RunNumber int64
	Entities  []string
	Refresh   bool             `json:",omitempty"` // the run reads what its requests name
	State     ledger.RunState  // not running if the run was finalized before it could begin
	Execution ledger.Execution // that the ledger has for the run; absent in earlier histories

	// Wait is how long the waiting requests have to wait before a pass may begin. Above 0 only if the
	// input allows it; Found is false then.
	Wait time.Duration `json:",omitempty"`
}

// BeginRun begins the run of a full sync, or claims the waiting requests for an incremental
// pass, and publishes sync.started. It is idempotent.
func (r *Runs) BeginRun(ctx context.Context, in ledger.BeginInput) (BeginResult, error) {
	if r.VerifyNamespace != nil {
		if err := r.VerifyNamespace(ctx); err != nil {
			return BeginResult{}, r.storeError(ctx, "start the run", err)
		}
	}
	if err := r.raiseRunNumbers(ctx); err != nil {
		return BeginResult{}, r.storeError(ctx, "start the run", err)
	}
	in.MinInterval = r.MinInterval[in.TenantID]
	run, found, err := r.Ledger.BeginRun(ctx, in)
	if early, ok := errors.AsType[*ledger.NotDueError](err); ok {
		r.Refusals.remove(activity.GetInfo(ctx).WorkflowExecution.ID)
		return BeginResult{Wait: early.Wait}, nil
	}
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		return BeginResult{}, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("request %q is not in the ledger: publish %s instead of starting the workflow by hand", in.RequestID, events.Requested.Subject),
			string(events.ValidationError), err)
	case err != nil:
		return BeginResult{}, r.storeError(ctx, "start the run", err)
	}
	r.Refusals.remove(activity.GetInfo(ctx).WorkflowExecution.ID)
	if !found {
		return BeginResult{}, nil
	}
	failpoint.Hit("worker/run-begun")
	if run.State == ledger.Running {
		started, err := run.StartedEvents()
		if err != nil {
			return BeginResult{}, err
		}
		if p := in.Pause; p != nil { // the pass begins paused: as AnnounceControl, which has the same event id
			paused, err := run.ControlledEvents(true, p.Number, p.Since, p.Reason, p.Actor)
			if err != nil {
				return BeginResult{}, err
			}
			started = append(started, paused...)
		}
		if err := r.publish(ctx, started); err != nil {
			return BeginResult{}, err
		}
	}
	return BeginResult{Found: true, RunNumber: run.Number, Entities: run.Entities, Refresh: run.Refresh, State: run.State, Execution: run.Ref().Execution},
		failpoint.Error("worker/run-started", failpoint.ErrLost)
}

// raiseRunNumbers makes the number of a run that begins higher than those in the event stream.
func (r *Runs) raiseRunNumbers(ctx context.Context) error {
	if r.History == nil {
		return nil
	}
	last, err := r.History.LastRunNumber(ctx)
	if err != nil {
		return fmt.Errorf("compare run numbers with the event stream: %w", err)
	}
	if _, _, err := r.Ledger.RaiseRunNumbers(ctx, last); err != nil {
		return fmt.Errorf("raise run numbers above %d: %w", last, err)
	}
	return nil
}

// FinishInput is the input of FinishRun.
type FinishInput struct {
	RunNumber int64
	Outcome   ledger.Finalization `json:"Decision"`
	Execution ledger.Execution    // of the run; absent in earlier histories
}

// FinishRun finalizes the run, if it is not finalized yet, and publishes its outcome. It returns
// the state that was finalized first. If the ledger does not have the run of that execution, it
// fails with TypeUnknownRun, and nothing is finalized or published.
func (r *Runs) FinishRun(ctx context.Context, in FinishInput) (ledger.RunState, error) {
	run, err := r.Ledger.Finalize(ctx, refOf(ctx, in.RunNumber, in.Execution), in.Outcome)
	if err != nil {
		return "", r.storeError(ctx, "write the outcome", err)
	}
	failpoint.Hit("worker/run-decided")
	if run.Published {
		r.Refusals.remove(activity.GetInfo(ctx).WorkflowExecution.ID)
		return run.State, nil
	}
	outcome, err := run.OutcomeEvents()
	if err != nil {
		return "", err
	}
	if err := r.publish(ctx, outcome); err != nil {
		return "", err
	}
	failpoint.Hit("worker/outcome-published")
	if err := r.Ledger.MarkPublished(ctx, run.Ref()); err != nil {
		return "", r.storeError(ctx, "write the outcome", err)
	}
	r.Refusals.remove(activity.GetInfo(ctx).WorkflowExecution.ID)
	return run.State, failpoint.Error("worker/outcome-marked", failpoint.ErrLost)
}

// AnnounceInput is the input of AnnounceControl.
type AnnounceInput struct {
	RunNumber int64
	Paused    bool
	Ordinal   int // counts the announcements of a run: part of the event's id
	At        time.Time
	Reason    string
	Actor     string
	Execution ledger.Execution // of the run; absent in earlier histories
}

// AnnounceControl records in the ledger that the run is paused or resumed, and then publishes
// sync.paused or sync.resumed. It is idempotent. If the run has an outcome, nothing is recorded
// or published.
func (r *Runs) AnnounceControl(ctx context.Context, in AnnounceInput) error {
	pause := ledger.Pause{Since: in.At, Actor: in.Actor, Reason: in.Reason, Number: in.Ordinal}
	run, err := r.Ledger.RecordPause(ctx, refOf(ctx, in.RunNumber, in.Execution), pause, in.Paused)
	if errors.Is(err, ledger.ErrFinalized) {
		return nil
	}
	if err != nil {
		return r.storeError(ctx, "record the pause of the run", err)
	}
	failpoint.Hit("worker/pause-recorded")
	changes, err := run.ControlledEvents(in.Paused, in.Ordinal, in.At, in.Reason, in.Actor)
	if err != nil {
		return err
	}
	if err := r.publish(ctx, changes); err != nil {
		return err
	}
	message := "run resumed"
	if in.Paused {
		message = "run paused"
	}
	r.Logger.Info().Stringer("tenant", run.TenantID).Str("mode", string(run.Mode)).Int64("run", run.Number).Str("workflow_id", run.WorkflowID).
		Func(func(line *zerolog.Event) {
			for key, value := range map[string]string{"reason": in.Reason, "actor": in.Actor} {
				if value != "" {
					line.Str(key, value)
				}
			}
		}).Msg(message)
	return failpoint.Error("worker/pause-announced", failpoint.ErrLost)
}

// storeError returns the error of an activity for an error of the ledger. The activity is
// retried without limit, even if PostgreSQL refuses the statement until an operator acts: the
// outcome is stored in the same tables, so nothing else could end the request. The run
// continues once the cause is repaired. Until then readiness and the log name it.
func (r *Runs) storeError(ctx context.Context, action string, err error) error {
	if isRefused(err) {
		info := activity.GetInfo(ctx)
		r.Refusals.add(info.WorkflowExecution.ID, err)
		r.Logger.Error().Err(err).Str("workflow_id", info.WorkflowExecution.ID).Int32("attempt", info.Attempt).
			Msgf("PostgreSQL refuses to %s, retrying until the cause is repaired", action)
	}
	return retryable(events.StoreError, err)
}

// refOf returns the reference of the run that an activity writes for. An input of an earlier
// version lacks the execution; the workflow ID is then that of the activity.
func refOf(ctx context.Context, number int64, e ledger.Execution) ledger.Ref {
	if e.WorkflowID == "" {
		e.WorkflowID = activity.GetInfo(ctx).WorkflowExecution.ID
	}
	return ledger.Ref{Number: number, Execution: e}
}

func (r *Runs) publish(ctx context.Context, es []events.Event) error {
	for _, e := range es {
		if err := r.Publisher.Publish(ctx, e); err != nil {
			return fmt.Errorf("publish %s %s: %w", e.Type(), e.ID(), err)
		}
	}
	return nil
}
