package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// FailEntity records that a run cannot read an entity, from the position at, or from the zero Position if
// it was never opened. It fails with ledger.ErrFenced if the position of the run is not at, or is done: the
// caller is late, and the entity may be read by another. It fails with ledger.ErrFinalized if the run has
// an outcome.
func (s *Store) FailEntity(ctx context.Context, target ledger.Target, at ledger.Position, re events.RunError) error {
	what := fmt.Sprintf("fail %s for run %d", target.Entity.Name, target.Run.Number)
	cursor, err := document(target.Entity.Start())
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	doc, err := document(&re)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	var failed []ledger.Position // also of an earlier attempt, whose commit was not answered
	err = s.transact(ctx, what, func(tx pgx.Tx) error {
		if err := requireRunning(ctx, tx, target.Run); err != nil {
			return err
		}
		now, err := failPosition(ctx, tx, target, at, cursor, doc)
		if err != nil {
			return err
		}
		if len(now) == 0 {
			return checkFailed(ctx, tx, target, failed)
		}
		failed = now
		return setStatus(ctx, tx, target, string(events.StatusFailed))
	})
	if err == nil {
		s.reportEntityEnd(target, failed[0])
	}
	return err
}

// failPosition fails the position of a run, and returns it; none if it is not at.
func failPosition(ctx context.Context, tx pgx.Tx, target ledger.Target, at ledger.Position, cursor, doc *string) ([]ledger.Position, error) {
	if !at.Opened() {
		return pgx.CollectRows(query(ctx, tx, `
			insert into raw.sync_cursors (run_number, table_name, cursor, status, error) values ($1, $2, $3, 'failed', $4)
			on conflict (run_number, table_name) do nothing
			returning `+positionColumns, target.Run.Number, tableName(target.Entity), cursor, doc), scanPosition)
	}
	return pgx.CollectRows(query(ctx, tx, `
		update raw.sync_cursors set status = 'failed', error = $4, version = version + 1, updated_at = clock_timestamp()
		where run_number = $1 and table_name = $2 and version = $3 and status = ''
		returning `+positionColumns, target.Run.Number, tableName(target.Entity), at.Version, doc), scanPosition)
}

// checkFailed fails with ledger.ErrFenced unless the position is the one that an earlier attempt wrote.
func checkFailed(ctx context.Context, tx pgx.Tx, target ledger.Target, failed []ledger.Position) error {
	if len(failed) == 0 {
		return ledger.ErrFenced
	}
	positions, err := positionsOf(ctx, tx, []int64{target.Run.Number})
	if err != nil {
		return err
	}
	if p := positions[target.Run.Number][target.Entity.Name]; p.Version != failed[0].Version || p.Status != events.StatusFailed {
		return ledger.ErrFenced
	}
	return nil
}

// SetTotal sets the number of records that a run expects of an entity, -1 for unknown. It fails with
// ledger.ErrFenced if the position of the run is not at.
func (s *Store) SetTotal(ctx context.Context, target ledger.Target, at ledger.Position, total ledger.Total) error {
	return s.transact(ctx, fmt.Sprintf("set the total of %s for run %d", target.Entity.Name, target.Run.Number), func(tx pgx.Tx) error {
		if err := requireRunning(ctx, tx, target.Run); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "update raw.sync_cursors set total = $3 where run_number = $1 and table_name = $2 and version = $4",
			target.Run.Number, tableName(target.Entity), total, at.Version)
		if err == nil && tag.RowsAffected() == 0 {
			return ledger.ErrFenced
		}
		return err
	})
}
