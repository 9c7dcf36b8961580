package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
)

// advisoryLock makes transactions that name the same thing wait for each other.
func advisoryLock(ctx context.Context, tx pgx.Tx, name string) error {
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", "lazisync "+name)
	return err
}

// A run's gate stands before its row. Pages pass it together and lock the row for
// share; who decides the run closes it first. PostgreSQL lets a later for share
// overtake a waiting for update, so that busy slices would keep a run from being
// decided for as long as they go on; advisory locks queue in order.

// passGate lets the transaction store for a run, after whoever waits to close the gate.
func passGate(ctx context.Context, tx pgx.Tx, run int64) error {
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock_shared(hashtextextended($1, 0))", gate(run))
	return err
}

// closeGate waits for everybody within the run's gate and keeps others out until the
// transaction ends.
func closeGate(ctx context.Context, tx pgx.Tx, run int64) error {
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", gate(run))
	return err
}

func gate(run int64) string { return fmt.Sprintf("lazisync run %d", run) }

// shareRun keeps the run from being decided until the transaction ends. It fails with
// ledger.ErrDecided when it is already.
func shareRun(ctx context.Context, tx pgx.Tx, run int64) error {
	if err := passGate(ctx, tx, run); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "select state from raw.sync_runs where run_number = $1 for share", run)
	if err != nil {
		return err
	}
	states, err := pgx.CollectRows(rows, pgx.RowTo[ledger.RunState])
	switch {
	case err != nil:
		return err
	case len(states) == 0:
		return ledger.ErrUnknown
	case states[0] != ledger.Running:
		return ledger.ErrDecided
	}
	return nil
}
