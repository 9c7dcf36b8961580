package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// applyEarlyCancels applies cancels that arrived before their requests were given to Temporal, so
// that such a request does no work: an incremental is withdrawn before its workflow is signalled, a
// full sync is started together with the cancel. The controls are settled once their requests are
// accepted.
func (b *Bridge) applyEarlyCancels(ctx context.Context, all batch) {
	undispatched := all.filter((*delivery).isUndispatched)
	if len(undispatched) == 0 {
		return
	}
	pending, err := b.pendingControls(ctx)
	if err != nil {
		undispatched.fail(err)
		return
	}
	for _, c := range pending {
		if c.Action != events.Cancel {
			continue
		}
		for _, d := range undispatched {
			if !targets(c, d.request) || !d.ok() || d.repeated || d.withdrawn {
				continue
			}
			if err := b.applyEarlyCancel(ctx, c, d); err != nil {
				undispatched.failRequest(d.request.ID, err)
			}
		}
	}
}

func (b *Bridge) pendingControls(ctx context.Context) ([]ledger.Control, error) {
	pending, err := b.Ledger.PendingControls(ctx)
	if err != nil {
		return nil, fmt.Errorf("list pending controls: %w", err)
	}
	return pending, nil
}

func (b *Bridge) applyEarlyCancel(ctx context.Context, c ledger.Control, d *delivery) error {
	if c.WorkflowID != "" {
		if !d.request.Mode.Info().PerTenant {
			d.cancel = &c
		}
		return nil // the workflow of a tenant receives it once it has started, and cancels all of its requests
	}
	found, err := b.Ledger.FindRequests(ctx, c.Target)
	if err != nil {
		return fmt.Errorf("find request %q: %w", c.Target, err)
	}
	if len(found) != 1 { // ambiguous: applyControl rejects it
		return nil
	}
	if !d.request.Mode.Info().PerTenant {
		d.cancel = &c
		return nil
	}
	result, err := b.withdraw(ctx, c, d.receipt.Request)
	d.withdrawn = result.state == ledger.ControlApplied
	return err
}

// applyPendingControls applies the pending controls of requests that were just accepted.
func (b *Bridge) applyPendingControls(ctx context.Context, accepted []ledger.Request) error {
	if len(accepted) == 0 {
		return nil
	}
	pending, err := b.pendingControls(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range pending {
		for _, r := range accepted {
			if targets(c, r) {
				errs = append(errs, b.applyPendingControl(ctx, c))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// applyEarlierControls applies the pending controls of the workflow that a control names, if they come before
// it in the stream: the workflow may have started since.
func (b *Bridge) applyEarlierControls(ctx context.Context, later ledger.Control) error {
	if later.WorkflowID == "" {
		return nil
	}
	pending, err := b.pendingControls(ctx)
	if err != nil {
		return err
	}
	for _, c := range pending {
		if c.WorkflowID != later.WorkflowID || c.Sequence >= later.Sequence {
			continue
		}
		if err := b.applyPendingControl(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bridge) applyPendingControl(ctx context.Context, c ledger.Control) error {
	result, err := b.applyControl(ctx, c)
	if err != nil {
		return err
	}
	return b.settlePending(ctx, c, result)
}

// targets reports whether a control names a request, by its ID, by its event's id or by its workflow.
func targets(c ledger.Control, r ledger.Request) bool {
	return c.WorkflowID != "" && c.WorkflowID == r.WorkflowID || c.Target != "" && (c.Target == r.ID || c.Target == r.EventID)
}
