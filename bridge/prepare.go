package bridge

import (
	"context"
	"fmt"
)

// Prepare verifies that the ledger belongs to the Temporal namespace, raises run numbers
// above those of the event stream, and detects restores of NATS and Temporal. It must succeed
// before anything is consumed. The reconciler repeats all three, because PostgreSQL, Temporal or
// NATS may be restored to an earlier state at any time.
func (b *Bridge) Prepare(ctx context.Context) error {
	if err := b.VerifyNamespace(ctx); err != nil {
		return err
	}
	if err := b.raiseRunNumbers(ctx); err != nil {
		return err
	}
	return b.detectRestores(ctx)
}

// raiseRunNumbers makes the next run number higher than every one in the event stream.
func (b *Bridge) raiseRunNumbers(ctx context.Context) error {
	if b.History == nil {
		return nil
	}
	inStream, err := b.History.LastRunNumber(ctx)
	if err != nil {
		return fmt.Errorf("compare run numbers with the event stream: %w", err)
	}
	last, raised, err := b.Ledger.RaiseRunNumbers(ctx, inStream)
	if err != nil {
		return fmt.Errorf("raise run numbers above %d: %w", inStream, err)
	}
	if raised {
		b.Logger.Warn().Int64("last_run", last).Int64("last_run_of_stream", inStream).
			Msg("run numbers raised: the ledger was restored to an earlier state than the event stream")
	}
	return nil
}
