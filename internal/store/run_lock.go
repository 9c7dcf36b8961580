package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
)

// advisoryLock makes transactions with the same name wait for each other.
func advisoryLock(ctx context.Context, tx pgx.Tx, name string) error {
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", "lazisync "+name)
	return err
}

// A run has an advisory lock in addition to its row. Pages take it shared and lock the row "for
// share"; finalizing the run takes it exclusively. With the row alone, PostgreSQL would let later
// "for share" locks overtake a waiting "for update", so that pages could delay the outcome
// forever. Advisory locks are queued.

// lockRunShared lets the transaction write for a run. It waits for a transaction that waits in
// lockRunExclusive.
func lockRunShared(ctx context.Context, tx pgx.Tx, run int64) error {
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock_shared(hashtextextended($1, 0))", fmt.Sprintf("lazisync run %d", run))
	return err
}

// lockRunExclusive waits for every transaction that writes for a run and keeps others out until the
// transaction ends.
func lockRunExclusive(ctx context.Context, tx pgx.Tx, run int64) error {
	return advisoryLock(ctx, tx, fmt.Sprintf("run %d", run))
}

// requireRunning keeps a run from being finalized until the transaction ends. It fails with
// ledger.ErrFinalized if the run has an outcome, and with ledger.ErrUnknown if the execution has
// no such run.
func requireRunning(ctx context.Context, tx pgx.Tx, run ledger.Ref) error {
	if err := lockRunShared(ctx, tx, run.Number); err != nil {
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
