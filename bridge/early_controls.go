package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// heedCancels looks for cancels that came before their requests, and sees to it
// that these never do any work: an incremental is withdrawn before it is woken, a
// full sync is started with the cancel. The controls are concluded when their
// requests are accepted.
func (b *Bridge) heedCancels(ctx context.Context, all batch) {
	fresh := all.which((*asked).fresh)
	if len(fresh) == 0 {
		return
	}
	parked, err := b.Ledger.PendingControls(ctx)
	if err != nil {
		fresh.fail(fmt.Errorf("look for controls that came first: %w", err))
		return
	}
	for _, c := range parked {
		if c.Action != events.Cancel {
			continue
		}
		for _, a := range fresh {
			if names(c, a.request) && a.standing() && !a.echo && !a.withdrawn {
				a.err = b.cancelFirst(ctx, c, a)
			}
		}
	}
}

func (b *Bridge) cancelFirst(ctx context.Context, c ledger.Control, a *asked) error {
	found, err := b.Ledger.FindRequests(ctx, c.Target)
	if err != nil {
		return fmt.Errorf("find request %q: %w", c.Target, err)
	}
	if len(found) != 1 { // ambiguous: its conclusion says so
		return nil
	}
	if !a.request.Mode.Info().PerTenant {
		a.cancel = &c
		return nil
	}
	v, err := b.withdraw(ctx, c, a.receipt.Request)
	a.withdrawn = v.state == ledger.ControlApplied
	return err
}

// applyParked applies the controls that wait for requests just accepted.
func (b *Bridge) applyParked(ctx context.Context, accepted []ledger.Request) error {
	if len(accepted) == 0 {
		return nil
	}
	parked, err := b.Ledger.PendingControls(ctx)
	if err != nil {
		return fmt.Errorf("look for controls that came first: %w", err)
	}
	var errs []error
	for _, c := range parked {
		for _, r := range accepted {
			if names(c, r) {
				errs = append(errs, b.applyOne(ctx, c))
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (b *Bridge) applyOne(ctx context.Context, c ledger.Control) error {
	v, err := b.apply(ctx, c)
	if err != nil {
		return err
	}
	return b.concludeParked(ctx, c, v)
}

// names says whether a control may mean a request.
func names(c ledger.Control, r ledger.Request) bool {
	return c.Target != "" && (c.Target == r.ID || c.Target == r.EventID)
}
