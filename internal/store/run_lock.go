package store

import (
	"context"
	"errors"
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
// ledger.ErrFinalized when it is already, and with ledger.ErrUnknown when there is no such
// run of that execution.
func shareRun(ctx context.Context, tx pgx.Tx, run ledger.Ref) error {
	if err := passGate(ctx, tx, run.Number); err != nil {
		return err
	}
	var state ledger.RunState
	var owner ledger.Execution
	err := tx.QueryRow(ctx, "select state, workflow_id, first_run_id, pass from raw.sync_runs where run_number = $1 for share", run.Number).
		Scan(&state, &owner.WorkflowID, &owner.FirstRunID, &owner.Pass)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("run %d: %w", run.Number, ledger.ErrUnknown)
	}
	if err != nil {
		return err
	}
	if err := run.Check(owner); err != nil {
		return err
	}
	if state != ledger.Running {
		return ledger.ErrFinalized
	}
	return nil
}
