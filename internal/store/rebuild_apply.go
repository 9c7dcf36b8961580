package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// applyTimeout is how long one statement may take that compares two whole tables.
const applyTimeout = "1h"

// loaded counts what a page brought into the side table and says what follows the last one.
func (s pageStore) loaded(ctx context.Context, tx pgx.Tx, f fence, done stored) (swept, error) {
	if err := s.countSide(ctx, tx, done.inserted); err != nil || !s.page.Last {
		return swept{}, err
	}
	if s.page.Unstable && s.entity.Export == "" && !s.entity.CanLookUp() {
		return swept{refused: &events.RunError{Type: events.APIError, Entity: s.entity.Name, Message: "the list kept changing while it was read: " +
			"what it did not show cannot be told from what is gone; nothing was changed"}}, nil
	}
	after := swept{then: events.PhaseChecking}
	_, unidentified := s.identities()
	if s.entity.CanLookUp() && f.unidentified+unidentified == 0 {
		then, err := s.missing(ctx, tx, f.watermark)
		if err != nil {
			return swept{}, err
		}
		if then != "" {
			after.then = then
		}
	}
	return after, nil
}

// countSide keeps how many rows the side table has, and how many records had no id.
func (s pageStore) countSide(ctx context.Context, tx pgx.Tx, added int64) error {
	_, unidentified := s.identities()
	_, err := tx.Exec(ctx, "update raw.sync_cursors set seen = seen + $3, unidentified = unidentified + $4 where run_number = $1 and table_name = $2",
		s.run, tableName(s.entity), added, unidentified)
	return err
}

// CheckRebuild compares a rebuild's side table with what the run has stored in it, and
// with what ServiceTitan counts now, -1 if it does not tell. Where it falls short the
// entity fails; else it is ready to be applied. No id can be in it twice: it is the key.
func (s *Store) CheckRebuild(ctx context.Context, tenant string, e entity.Entity, at ledger.Position, counted int64) (ledger.Position, error) {
	what := fmt.Sprintf("check what run %d loaded of %s", at.Run, e.Name)
	return s.rebuild(ctx, what, tenant, e, at, events.PhaseChecking, func(tx pgx.Tx, side pageStore, f fence) (ledger.Position, error) {
		short, err := side.check(ctx, tx, f, counted)
		if err != nil {
			return ledger.Position{}, err
		}
		if short != nil {
			if err := setStatus(ctx, tx, side.tenant, e, string(events.StatusFailed)); err != nil {
				return ledger.Position{}, err
			}
			return side.proceed(ctx, tx, events.StatusFailed, short, stored{}, 0)
		}
		return side.proceed(ctx, tx, "", nil, stored{}, 0)
	})
}

// ApplyRebuild brings the difference between a rebuild's side table and the entity's
// table into the latter, in one transaction, and ends the entity. What ServiceTitan does
// not have is marked deleted; where the delete guard does not let it, nothing is
// changed. A row that was read later than the side table's stays as it is.
func (s *Store) ApplyRebuild(ctx context.Context, tenant string, e entity.Entity, at ledger.Position) (ledger.Position, error) {
	what := fmt.Sprintf("apply what run %d loaded of %s", at.Run, e.Name)
	return s.rebuild(ctx, what, tenant, e, at, events.PhaseApplying, func(tx pgx.Tx, side pageStore, f fence) (next ledger.Position, err error) {
		if err := side.compare(ctx, tx); err != nil {
			return next, err
		}
		// Whoever stores a page of the table waits from here on: what is counted stays so.
		if _, err := resumePoint(ctx, tx, side.tenant, e); err != nil {
			return next, err
		}
		marked, refused, err := side.markUnfound(ctx, tx, f)
		if err != nil {
			return next, err
		}
		var done stored
		status := events.StatusFailed
		if refused == nil {
			status = events.StatusCompleted
			err = tx.QueryRow(ctx, mergeSQL(e, side.table()), side.tenant, side.run).
				Scan(&done.inserted, &done.updated, &done.deleted, &done.live, &done.misfits)
			if err != nil {
				return next, err
			}
		}
		if _, err := tx.Exec(ctx, "drop table "+amissTable(side.table())); err != nil {
			return next, err
		}
		if next, err = side.proceed(ctx, tx, status, refused, done, marked); err != nil {
			return next, err
		}
		return next, side.saveState(ctx, tx, done.live-marked, status, move{}, time.Time{})
	})
}

// compare finds the rows to mend while others store pages: that takes long. What it
// finds is judged again as it is applied, when the table stands still.
func (s pageStore) compare(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, s.sql("create table "+amissTable(s.table())+" (st_id KEY primary key)"))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, compareSQL(s.entity, s.table()), s.tenant); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "analyze "+amissTable(s.table()))
	return err
}

// rebuild runs a step of a rebuild whose turn it is. It may take as long as whole tables do.
func (s *Store) rebuild(ctx context.Context, what, tenant string, e entity.Entity, at ledger.Position, turn events.Phase,
	step func(pgx.Tx, pageStore, fence) (ledger.Position, error),
) (next ledger.Position, err error) {
	number, err := tenantNumber(tenant)
	if err != nil {
		return next, fmt.Errorf("%s: %w", what, err)
	}
	side := pageStore{tenant: number, run: at.Run, owner: at.Owner, mode: events.Rebuild, entity: e, guard: s.deleteGuard}
	err = s.transact(ctx, what, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local statement_timeout = '"+applyTimeout+"'"); err != nil {
			return err
		}
		fence, err := side.lock(ctx, tx, at.Version)
		if err != nil {
			return err
		}
		if fence.phase != turn {
			return fmt.Errorf("got phase %q, want %q", fence.phase, turn)
		}
		next, err = step(tx, side, fence)
		return err
	})
	next.Owner = at.Owner
	return next, err
}

// check says in what the side table falls short, nil if it does not.
//
// A list shows what it counts: fewer rows than it counted both before and after they were
// read means that some were not read. Of a feed the counts are those of its list, which
// may know records a little earlier and of other kinds, so it may lack a few.
func (s pageStore) check(ctx context.Context, tx pgx.Tx, f fence, counted int64) (*events.RunError, error) {
	if _, err := tx.Exec(ctx, "analyze "+s.table()); err != nil { // the comparison that follows is of whole tables
		return nil, err
	}
	var rows, live int64
	err := tx.QueryRow(ctx, s.sql("select count(*), count(*) filter (where deleted_at is null) from TARGET")).Scan(&rows, &live)
	if err != nil {
		return nil, err
	}
	if rows != f.seen {
		return &events.RunError{Type: events.StoreError, Entity: s.entity.Name, Message: fmt.Sprintf(
			"the side table holds %d rows, %d were stored in it; nothing was changed", rows, f.seen)}, nil
	}
	held, expected := rows+f.rejected, counted
	if f.total >= 0 && (counted < 0 || f.total < counted) {
		expected = f.total
	}
	least := expected
	if s.entity.Export != "" {
		held, least = live+f.rejected, expected-s.allowance(expected)
	}
	if held >= least {
		return nil, nil
	}
	return &events.RunError{Type: events.APIError, Entity: s.entity.Name, Message: fmt.Sprintf(
		"%d records were read, and ServiceTitan counts %d; nothing was changed", held, expected)}, nil
}

// markUnfound marks rows that the side table does not have: what ServiceTitan did not
// have when it was asked for it, where that can be asked. A record without an id may be
// any of them, so then there is nothing to mark.
func (s pageStore) markUnfound(ctx context.Context, tx pgx.Tx, f fence) (marked int64, refused *events.RunError, err error) {
	if f.unidentified > 0 {
		return 0, nil, nil
	}
	if s.entity.CanLookUp() {
		after, err := s.markAbsent(ctx, tx, f)
		return after.deleted, after.refused, err
	}
	args := []any{s.tenant, s.run, tableName(s.entity), f.watermark}
	var gone, live int64
	err = tx.QueryRow(ctx, s.sql(`select (select count(*) from TABLE kept where UNFOUND),
		(select count(*) from TABLE where tenant_id = $1 and deleted_at is null)`), args...).Scan(&gone, &live)
	if err != nil || gone == 0 {
		return 0, nil, err
	}
	if refused := s.guarded("the rebuild did not find", gone, live, f); refused != nil {
		return 0, refused, nil
	}
	tag, err := tx.Exec(ctx, s.sql(`update TABLE kept set deleted_at = (select coalesce(max(fetched_at), $4) from TARGET), run_number = $2
		where UNFOUND`), args...)
	return tag.RowsAffected(), nil, err
}

// proceed moves the cursor to the phase of applying, or ends it with what was done.
func (s pageStore) proceed(ctx context.Context, tx pgx.Tx, status events.Status, why *events.RunError, done stored, marked int64) (ledger.Position, error) {
	failure, err := document(why)
	if err != nil {
		return ledger.Position{}, err
	}
	rows, err := tx.Query(ctx, `
		update raw.sync_cursors
		set version = version + 1, phase = case when $3 = '' then 'applying' else phase end, status = $3, error = $4,
			inserted = $5, updated = $6, deleted = $7::bigint + $8::bigint,
			unchanged = case when $3 = 'completed' then fetched - rejected - $5 - $6 - $7::bigint else 0 end, updated_at = clock_timestamp()
		where run_number = $1 and table_name = $2
		returning `+positionColumns,
		s.run, tableName(s.entity), string(status), failure, done.inserted, done.updated, done.deleted, marked)
	if err != nil {
		return ledger.Position{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanPosition)
}
