package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// signal applies a control to a workflow with requests. runID is the first run of the workflow, "" if unknown.
func (b *Bridge) signal(ctx context.Context, c ledger.Control, workflowID, runID string) (controlResult, error) {
	ended, err := b.hasEnded(ctx, c, workflowID)
	if err != nil {
		return controlResult{}, err
	}
	if ended {
		return controlResult{state: ledger.ControlApplied, workflowID: workflowID, runID: runID}, nil
	}
	signalled, err := b.send(ctx, c, workflowID)
	switch {
	case errors.Is(err, workflows.ErrNotRunning):
		return b.applyToClosed(ctx, c, workflowID, signalled)
	case errors.Is(err, workflows.ErrRejected):
		return rejectedResult(events.CodeInvalidData, "", fmt.Sprintf("an invalid control (%v)", err), "a control that Temporal accepts"), nil
	case err != nil:
		return controlResult{}, fmt.Errorf("%s %s: %w", c.Action, workflowID, err)
	}
	return controlResult{state: ledger.ControlApplied, workflowID: workflowID, runID: runID}, nil
}

// hasEnded reports whether what a cancel of a tenant's workflow ends has its outcome, after an earlier call may
// have sent the signal. The workflow serves later requests then, perhaps in an execution that has not seen it.
func (b *Bridge) hasEnded(ctx context.Context, c ledger.Control, workflowID string) (bool, error) {
	if c.Action != events.Cancel || !workflows.ServesTenant(workflowID) {
		return false, nil
	}
	signalled, err := b.isSignalled(ctx, c)
	if err != nil || !signalled {
		return false, err
	}
	open, err := b.Ledger.HasOpenRequest(ctx, workflowID, c.Sequence)
	if err != nil {
		return false, fmt.Errorf("look up whether control %s is applied: %w", c.ID, err)
	}
	return !open, nil
}

// send sends the signal of a control to a workflow. The error is workflows.ErrNotRunning if the workflow
// is closed; signalled then reports whether an earlier call may have sent the signal. The ledger has that
// before the workflow has the signal: the workflow may end because of it before the control is settled.
func (b *Bridge) send(ctx context.Context, c ledger.Control, workflowID string) (signalled bool, err error) {
	status, err := b.Temporal.ExecutionStatus(ctx, workflowID, "")
	if err != nil {
		return false, fmt.Errorf("look up its status: %w", err)
	}
	if status.IsClosed() { // not recorded as sent
		if signalled, err = b.isSignalled(ctx, c); err != nil {
			return false, err
		}
		return signalled, workflows.ErrNotRunning
	}
	first, err := b.Ledger.MarkControlSignalled(ctx, c.ID)
	if err != nil {
		return false, fmt.Errorf("record that its signal is sent: %w", err)
	}
	return !first, b.Temporal.Signal(ctx, workflowID, controlSignal(c))
}

func (b *Bridge) isSignalled(ctx context.Context, c ledger.Control) (signalled bool, err error) {
	if signalled, err = b.Ledger.IsControlSignalled(ctx, c.ID); err != nil {
		return false, fmt.Errorf("look up whether control %s was sent: %w", c.ID, err)
	}
	return signalled, nil
}

// applyToClosed returns the result for a control whose workflow is closed, or has never started. If a
// request was received before the control and no run has claimed it, the reconciler starts the workflow,
// and the control waits for that.
func (b *Bridge) applyToClosed(ctx context.Context, c ledger.Control, workflowID string, signalled bool) (controlResult, error) {
	state, err := b.Ledger.Workflow(ctx, workflowID) // the run may have ended since the caller looked it up
	if err != nil {
		return controlResult{}, fmt.Errorf("look up workflow %q: %w", workflowID, err)
	}
	if since := state.UnclaimedSince; !since.IsZero() && since.Before(c.ReceivedAt) {
		return controlResult{state: ledger.ControlPending, hasRequest: true}, nil
	}
	switch {
	case state.Finished && !workflows.ServesTenant(workflowID):
		return b.applyToFinished(ctx, c, state.LastRun)
	case signalled:
		return controlResult{state: ledger.ControlApplied, workflowID: workflowID}, nil
	}
	return finishedResult(c), nil
}

// applyToFinished returns the result for a control of a run with an outcome.
func (b *Bridge) applyToFinished(ctx context.Context, c ledger.Control, runNumber int64) (controlResult, error) {
	run, err := b.Ledger.Run(ctx, runNumber)
	if err != nil {
		return controlResult{}, fmt.Errorf("look up run %d: %w", runNumber, err)
	}
	signalled, err := b.isSignalled(ctx, c)
	if err != nil {
		return controlResult{}, err
	}
	return finalizedResult(c, run, signalled), nil
}

// finalizedResult is the result for a run with an outcome. A control of a workflow, and a pause or resume of
// a request, is applied if its signal was sent; a cancel only if the outcome says so, too. The cancel of a
// cancelled request succeeds: it may have withdrawn the request, which sends no signal.
func finalizedResult(c ledger.Control, run ledger.Run, signalled bool) controlResult {
	isApplied := signalled
	if c.Action == events.Cancel {
		isApplied = run.State == ledger.Cancelled && (signalled || c.WorkflowID == "")
	}
	if !isApplied {
		return finishedResult(c)
	}
	result := controlResult{state: ledger.ControlApplied, workflowID: run.WorkflowID, runID: run.TemporalRunID()}
	if c.Action == events.Cancel && !run.Published {
		result.withdrawal = &run
	}
	return result
}

func finishedResult(c ledger.Control) controlResult {
	path, got := "workflowId", c.WorkflowID
	if got == "" {
		path, got = "requestId", c.Target
	}
	return rejectedResult(events.CodeFinishedRun, path, strconv.Quote(got)+", which is finished", "a run that is not finished")
}
