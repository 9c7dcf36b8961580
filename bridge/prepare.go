package bridge

import (
	"context"
	"fmt"
)

// Prepare makes sure that the ledger, Temporal and the event stream belong together, as
// far as the bridge can. It is asked before anything is consumed, and again in each round
// of the reconciler, since each of the three may be restored to an earlier state meanwhile.
func (b *Bridge) Prepare(ctx context.Context) error {
	if err := b.VerifyNamespace(ctx); err != nil {
		return err
	}
	return b.raiseRunNumbers(ctx)
}

// raiseRunNumbers lets run numbers begin above those that the event stream has.
func (b *Bridge) raiseRunNumbers(ctx context.Context) error {
	if b.History == nil {
		return nil
	}
	last, err := b.History.LastRunNumber(ctx)
	if err != nil {
		return fmt.Errorf("compare run numbers with the event stream: %w", err)
	}
	given, raised, err := b.Ledger.RaiseRunNumbers(ctx, last)
	if err != nil {
		return fmt.Errorf("raise run numbers above %d: %w", last, err)
	}
	if raised {
		b.Logger.Warn().Int64("last_run", given).Int64("last_run_of_stream", last).
			Msg("run numbers raised: the ledger was restored to an earlier state than the event stream")
	}
	return nil
}
