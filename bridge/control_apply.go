package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// verdict is what becomes of a control.
type verdict struct {
	state      ledger.ControlState
	workflowID string            // where it was applied
	runID      string            // likewise, where known
	why        *events.Rejection // where it was rejected
	outcome    *ledger.Run       // what it decided and nobody has told yet
	expected   bool              // it waits for a request that has come already
}

func rejectedAs(code events.RejectCode, path, got, want string) verdict {
	return verdict{
		state: ledger.ControlRejected,
		why:   events.Reject(code, events.FieldError{Path: path, Got: got, Want: want}),
	}
}

// apply carries a control out. Doing so again is harmless: the workflow knows the
// signal by the id in it, and a cancel of what was cancelled is content.
func (b *Bridge) apply(ctx context.Context, c ledger.Control) (verdict, error) {
	if c.WorkflowID != "" {
		return b.applyToWorkflow(ctx, c)
	}
	found, err := b.Ledger.FindRequests(ctx, c.Target)
	if err != nil {
		return verdict{}, fmt.Errorf("find request %q: %w", c.Target, err)
	}
	switch len(found) {
	case 0:
		return verdict{state: ledger.ControlPending}, nil
	case 1:
		return b.applyToRequest(ctx, c, found[0])
	}
	return rejectedAs(events.CodeAmbiguous, "requestId",
		quote(c.Target)+", which is the event id of several requests", "the requestId of one"), nil
}

func (b *Bridge) applyToWorkflow(ctx context.Context, c ledger.Control) (verdict, error) {
	state, err := b.Ledger.Workflow(ctx, c.WorkflowID)
	if err != nil {
		return verdict{}, fmt.Errorf("look up workflow %q: %w", c.WorkflowID, err)
	}
	switch {
	case !state.Known:
		return b.applyToForgotten(ctx, c)
	case state.Finished && !workflows.ServesTenant(c.WorkflowID):
		return finished(c), nil
	}
	return b.signal(ctx, c, c.WorkflowID, "") // which finds out whether an incremental is still open
}

// applyToForgotten controls a workflow that serves no request in the ledger. Where the
// ledger was restored to an earlier state, it may be open in Temporal all the same.
func (b *Bridge) applyToForgotten(ctx context.Context, c ledger.Control) (verdict, error) {
	if workflows.IsWorkflowID(c.WorkflowID) {
		err := b.Temporal.Signal(ctx, c.WorkflowID, signalOf(c))
		if err == nil {
			return verdict{state: ledger.ControlApplied, workflowID: c.WorkflowID}, nil
		}
		if !errors.Is(err, workflows.ErrNotRunning) && !errors.Is(err, workflows.ErrRejected) {
			return verdict{}, fmt.Errorf("%s %s: %w", c.Action, c.WorkflowID, err)
		}
	}
	return rejectedAs(events.CodeUnknownRun, "workflowId",
		quote(c.WorkflowID)+", which serves no request", "the workflow ID of a run"), nil
}

func (b *Bridge) applyToRequest(ctx context.Context, c ledger.Control, r ledger.Request) (verdict, error) {
	if r.Mode.Info().PerTenant && c.Action == events.Cancel {
		return b.withdraw(ctx, c, r)
	}
	if r.RunNumber != 0 {
		run, err := b.Ledger.RunHeader(ctx, r.RunNumber)
		if err == nil && run.State != ledger.Running {
			if run, err = b.Ledger.Run(ctx, r.RunNumber); err == nil {
				return afterwards(c, run), nil
			}
		}
		if err != nil {
			return verdict{}, fmt.Errorf("look up run %d: %w", r.RunNumber, err)
		}
	}
	switch {
	case r.Mode.Info().PerTenant:
		return rejectedAs(events.CodeInvalidData, "requestId", quote(c.Target),
			"workflowId "+quote(r.WorkflowID)+": to "+string(c.Action)+" an incremental concerns everybody who waits for it"), nil
	case r.State == ledger.Received: // its workflow may not have started
		return verdict{state: ledger.ControlPending, expected: true}, nil
	}
	return b.signal(ctx, c, r.WorkflowID, r.FirstRunID)
}

// afterwards judges a control of a request whose run is decided. To cancel what is
// cancelled is to be content: that may have been this very control.
func afterwards(c ledger.Control, run ledger.Run) verdict {
	if c.Action != events.Cancel || run.State != ledger.Cancelled {
		return finished(c)
	}
	v := verdict{state: ledger.ControlApplied, workflowID: run.WorkflowID, runID: run.TemporalRunID()}
	if !run.Published {
		v.outcome = &run
	}
	return v
}

// withdraw cancels one request of an incremental. The pass that serves it goes on
// if anybody else needs it.
func (b *Bridge) withdraw(ctx context.Context, c ledger.Control, r ledger.Request) (verdict, error) {
	run, passEmpty, err := b.Ledger.Withdraw(ctx, r.ID, c.Reason)
	if err != nil && !errors.Is(err, ledger.ErrFinalized) {
		return verdict{}, fmt.Errorf("withdraw request %s: %w", r.ID, err)
	}
	if passEmpty {
		pass := r.RunNumber
		if err != nil {
			pass = 0 // withdrawn before, and r names the withdrawal: the pass is not known any more
		}
		if err := b.Temporal.Signal(ctx, r.WorkflowID, passSignal(c, pass)); err != nil && !errors.Is(err, workflows.ErrNotRunning) {
			return verdict{}, fmt.Errorf("cancel the pass of %s that serves nobody: %w", r.WorkflowID, err)
		}
	}
	return afterwards(c, run), nil
}

func (b *Bridge) signal(ctx context.Context, c ledger.Control, workflowID, runID string) (verdict, error) {
	err := b.Temporal.Signal(ctx, workflowID, signalOf(c))
	if errors.Is(err, workflows.ErrNotRunning) {
		return finished(c), nil
	}
	if errors.Is(err, workflows.ErrRejected) {
		return rejectedAs(events.CodeInvalidData, "", "a control that Temporal refuses ("+err.Error()+")", "one that it takes"), nil
	}
	if err != nil {
		return verdict{}, fmt.Errorf("%s %s: %w", c.Action, workflowID, err)
	}
	return verdict{state: ledger.ControlApplied, workflowID: workflowID, runID: runID}, nil
}

func finished(c ledger.Control) verdict {
	path, got := "workflowId", c.WorkflowID
	if got == "" {
		path, got = "requestId", c.Target
	}
	return rejectedAs(events.CodeFinishedRun, path, quote(got)+", which has ended", "a run that goes on")
}

// signalOf is the signal that carries a control.
func signalOf(c ledger.Control) workflows.Signal {
	return workflows.Signal{Name: signalNames[c.Action], Payload: controlSignal(c)}
}

// passSignal is the signal that cancels a pass and nothing behind it.
func passSignal(c ledger.Control, pass int64) workflows.Signal {
	payload := controlSignal(c)
	payload.PassOnly, payload.RunNumber = true, pass
	return workflows.Signal{Name: signalNames[c.Action], Payload: payload}
}

func controlSignal(c ledger.Control) workflows.ControlSignal {
	return workflows.ControlSignal{ID: c.ID, Sequence: c.Sequence, Reason: c.Reason, Actor: c.Actor}
}
