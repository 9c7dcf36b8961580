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

// controlResult is the result of applying a control.
type controlResult struct {
	state      ledger.ControlState
	workflowID string            // where it was applied
	runID      string            // first run of that workflow, "" if unknown
	rejection  *events.Rejection // set if it was rejected
	withdrawal *ledger.Run       // the unpublished outcome of a request that it cancelled
	hasRequest bool              // it is pending, and its request has arrived
}

func rejectedResult(code events.RejectCode, path, got, want string) controlResult {
	return controlResult{
		state:     ledger.ControlRejected,
		rejection: events.Reject(code, events.FieldError{Path: path, Got: got, Want: want}),
	}
}

// applyControl applies a control. It is idempotent: a workflow ignores a signal whose id it
// has seen, and cancelling a cancelled run succeeds.
func (b *Bridge) applyControl(ctx context.Context, c ledger.Control) (controlResult, error) {
	if c.WorkflowID != "" {
		return b.applyToWorkflow(ctx, c)
	}
	found, err := b.Ledger.FindRequests(ctx, c.Target)
	if err != nil {
		return controlResult{}, fmt.Errorf("find request %q: %w", c.Target, err)
	}
	switch len(found) {
	case 0:
		return controlResult{state: ledger.ControlPending}, nil
	case 1:
		return b.applyToRequest(ctx, c, found[0])
	}
	return rejectedResult(events.CodeAmbiguous, "requestId",
		strconv.Quote(c.Target)+", the event id of several requests", "the requestId of one of them"), nil
}

func (b *Bridge) applyToWorkflow(ctx context.Context, c ledger.Control) (controlResult, error) {
	state, err := b.Ledger.Workflow(ctx, c.WorkflowID)
	if err != nil {
		return controlResult{}, fmt.Errorf("look up workflow %q: %w", c.WorkflowID, err)
	}
	switch {
	case !state.Known:
		return b.applyToUnknownWorkflow(ctx, c)
	case state.Finished && !workflows.ServesTenant(c.WorkflowID):
		return b.applyToFinished(ctx, c, state.LastRun)
	}
	return b.signal(ctx, c, c.WorkflowID, "") // an incremental workflow may be open, held by a pause
}

// applyToUnknownWorkflow controls a workflow without requests in the ledger. After the
// ledger was restored to an earlier state, such a workflow may still be open in Temporal.
func (b *Bridge) applyToUnknownWorkflow(ctx context.Context, c ledger.Control) (controlResult, error) {
	if workflows.IsWorkflowID(c.WorkflowID) {
		signalled, err := b.send(ctx, c, c.WorkflowID)
		switch {
		case err == nil || signalled && errors.Is(err, workflows.ErrNotRunning):
			return controlResult{state: ledger.ControlApplied, workflowID: c.WorkflowID}, nil
		case !errors.Is(err, workflows.ErrNotRunning) && !errors.Is(err, workflows.ErrRejected):
			return controlResult{}, fmt.Errorf("%s %s: %w", c.Action, c.WorkflowID, err)
		}
	}
	return rejectedResult(events.CodeUnknownRun, "workflowId",
		strconv.Quote(c.WorkflowID)+", a workflow without requests", "the workflow ID of a run"), nil
}

func (b *Bridge) applyToRequest(ctx context.Context, c ledger.Control, r ledger.Request) (controlResult, error) {
	if r.Mode.Info().PerTenant && c.Action == events.Cancel {
		return b.withdraw(ctx, c, r)
	}
	if r.RunNumber != 0 {
		run, err := b.Ledger.RunHeader(ctx, r.RunNumber)
		if err != nil {
			return controlResult{}, fmt.Errorf("look up run %d: %w", r.RunNumber, err)
		}
		if run.State != ledger.Running {
			return b.applyToFinished(ctx, c, r.RunNumber)
		}
	}
	switch {
	case r.Mode.Info().PerTenant:
		return rejectedResult(events.CodeInvalidData, "requestId", strconv.Quote(c.Target),
			fmt.Sprintf("workflowId %q: %s applies to all requests of an incremental", r.WorkflowID, c.Action)), nil
	case r.State == ledger.Received: // its workflow may not have started
		return controlResult{state: ledger.ControlPending, hasRequest: true}, nil
	}
	return b.signal(ctx, c, r.WorkflowID, r.FirstRunID)
}

// withdraw cancels one request of an incremental. The pass that serves it continues unless
// it serves no other request.
func (b *Bridge) withdraw(ctx context.Context, c ledger.Control, r ledger.Request) (controlResult, error) {
	run, emptyPass, err := b.Ledger.WithdrawRequest(ctx, r.ID, c.Reason)
	if err != nil && !errors.Is(err, ledger.ErrFinalized) {
		return controlResult{}, fmt.Errorf("withdraw request %s: %w", r.ID, err)
	}
	if emptyPass != 0 { // r was read before, when another pass or none may have served it
		if err := b.Temporal.Signal(ctx, r.WorkflowID, cancelPassSignal(c, emptyPass)); err != nil && !errors.Is(err, workflows.ErrNotRunning) {
			return controlResult{}, fmt.Errorf("cancel the empty pass of %s: %w", r.WorkflowID, err)
		}
	}
	return finalizedResult(c, run, false), nil
}

// controlSignal returns the signal for a control.
func controlSignal(c ledger.Control) workflows.Signal {
	return workflows.Signal{Name: signalNames[c.Action], Payload: signalPayload(c)}
}

// cancelPassSignal returns the signal that cancels one pass of an IncrementalSync and leaves
// the queued requests.
func cancelPassSignal(c ledger.Control, pass int64) workflows.Signal {
	payload := signalPayload(c)
	payload.PassOnly, payload.RunNumber = true, pass
	return workflows.Signal{Name: signalNames[c.Action], Payload: payload}
}

func signalPayload(c ledger.Control) workflows.ControlSignal {
	return workflows.ControlSignal{ID: c.ID, Sequence: c.Sequence, Reason: c.Reason, Actor: c.Actor}
}
