package bridge

import (
	"context"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// finalizeRuns finalizes runs whose workflow closed without finalizing them, for example
// because it was terminated.
func (b *Bridge) finalizeRuns(ctx context.Context) error {
	open, err := b.Ledger.Unfinalized(ctx)
	if err != nil {
		return fmt.Errorf("list runs that are not finalized: %w", err)
	}
	var errs []error
	for _, run := range open {
		errs = append(errs, b.finalizeIfClosed(ctx, run.WorkflowID, run.FirstRunID, func(f ledger.Finalization) (ledger.Run, error) {
			return b.Ledger.Finalize(ctx, run.Ref(), f)
		}))
	}
	return joinUnique(errs)
}

// finalizeUnstarted finalizes accepted requests whose workflow closed before their run began.
func (b *Bridge) finalizeUnstarted(ctx context.Context) error {
	waiting, err := b.Ledger.AcceptedWithoutRun(ctx, b.Grace)
	if err != nil {
		return fmt.Errorf("list requests without a run: %w", err)
	}
	var errs []error
	for _, r := range waiting {
		errs = append(errs, b.finalizeIfClosed(ctx, r.WorkflowID, r.FirstRunID, func(f ledger.Finalization) (ledger.Run, error) {
			return b.Ledger.FinalizeUnstarted(ctx, r.ID, f)
		}))
	}
	return joinUnique(errs)
}

// finalizeIfClosed calls finalize if the execution that began with firstRunID is not open.
func (b *Bridge) finalizeIfClosed(ctx context.Context, workflowID, firstRunID string, finalize func(ledger.Finalization) (ledger.Run, error)) error {
	status, err := b.Temporal.ExecutionStatus(ctx, workflowID, firstRunID)
	if err != nil {
		return fmt.Errorf("look up workflow %s: %w", workflowID, err)
	}
	if status == workflows.ExecutionOpen {
		return nil
	}
	if status == workflows.ExecutionUnknown {
		return unknownStatus(workflowID)
	}
	if err := b.VerifyNamespaceNow(ctx); err != nil {
		return err
	}
	failure := failedBy(workflowID, status)
	run, err := finalize(failure)
	if err != nil {
		return fmt.Errorf("finalize the run of %s: %w", workflowID, err)
	}
	if run.State != failure.State || run.Error == nil || *run.Error != *failure.Error {
		return nil // its worker has finalized it meanwhile, or its run has begun
	}
	failpoint.Hit("bridge/run-finalized")
	b.Logger.Warn().Str("workflow_id", workflowID).Str("run_id", firstRunID).Str("status", string(status)).
		Msg("workflow closed without an outcome, run finalized as failed")
	b.reconciled(actionFinalizeRun, 1)
	return nil
}

// unknownStatus returns the error for a workflow with a status of a later version of Temporal. It may be
// open, as a paused one is, so that nothing may be done that needs it to be closed.
func unknownStatus(workflowID string) error {
	return fmt.Errorf("workflow %s has a status that this version does not know, so that it may be open; want a version of lazisync for this version of Temporal", workflowID)
}

// closings describe how a workflow closed, for the message of a failed run.
var closings = map[workflows.ExecutionStatus]string{
	workflows.ExecutionCompleted:  "completed",
	workflows.ExecutionFailed:     "failed",
	workflows.ExecutionCancelled:  "was cancelled",
	workflows.ExecutionTerminated: "was terminated",
	workflows.ExecutionTimedOut:   "timed out",
	workflows.ExecutionNotFound:   "does not exist in Temporal",
	workflows.ExecutionSuperseded: "was superseded by a later execution",
}

// failedBy returns the outcome of a run whose workflow closed without finalizing it.
func failedBy(workflowID string, status workflows.ExecutionStatus) ledger.Finalization {
	errorType := events.Terminated
	if status == workflows.ExecutionTimedOut {
		errorType = events.DeadlineExceeded
	}
	return ledger.Finalization{State: ledger.Failed, Error: &events.RunError{
		Type: errorType, Message: fmt.Sprintf("workflow %s %s without finalizing its run", workflowID, closings[status]),
	}}
}

// publishOutcomes publishes outcomes that are not marked as published.
func (b *Bridge) publishOutcomes(ctx context.Context) error {
	unpublished, err := b.Ledger.Unpublished(ctx)
	if err != nil {
		return fmt.Errorf("list unpublished outcomes: %w", err)
	}
	var errs []error
	for _, header := range unpublished {
		run, err := b.Ledger.Run(ctx, header.Number)
		if err == nil {
			err = b.publishOutcome(ctx, run)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		b.reconciled(actionPublishOutcome, 1)
	}
	return joinUnique(errs)
}
