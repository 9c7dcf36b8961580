package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// applyTimeout is the statement_timeout of a rebuild step, which may compare two whole tables.
const applyTimeout = "1h"

// afterStaging counts the rows that a page added to the staging table and returns what follows the
// last page.
func (s pageStore) afterStaging(ctx context.Context, tx pgx.Tx, f fence, done rowCounts) (sweepResult, error) {
	if err := s.countStaged(ctx, tx, done.Inserted); err != nil || !s.page.Last {
		return sweepResult{}, err
	}
	if s.Mode.Info().ReadOnly {
		return s.afterLook(), nil
	}
	if s.page.Unstable && s.Entity.Export == "" && !s.Entity.CanLookUp() {
		return sweepResult{failure: &events.RunError{Type: events.APIError, Entity: s.Entity.Name, Message: "the list kept changing while it was read, " +
			"so missing records are not known to be deleted; nothing was changed"}}, nil
	}
	result := sweepResult{next: events.PhaseChecking}
	_, unidentified := s.recordIDs()
	if s.Entity.CanLookUp() && f.unidentified+unidentified == 0 {
		next, err := s.recordMissing(ctx, tx, f.watermark)
		if err != nil {
			return sweepResult{}, err
		}
		if next != "" {
			result.next = next
		}
	}
	return result, nil
}

// countStaged adds to the number of rows in the staging table and to the number of records without
// an id.
func (s pageStore) countStaged(ctx context.Context, tx pgx.Tx, added int64) error {
	_, unidentified := s.recordIDs()
	if s.Mode.Info().ReadOnly && s.page.Unstable && !s.Entity.CanLookUp() {
		unidentified++ // the list may have skipped the record of any row
	}
	_, err := tx.Exec(ctx, "update raw.sync_cursors set seen = seen + $3, unidentified = unidentified + $4 where run_number = $1 and table_name = $2",
		s.Run.Number, tableName(s.Entity), added, unidentified)
	return err
}

// CheckRebuild compares the staging table of a rebuild or verify with what the run has stored in it
// and with the current count of ServiceTitan, -1 if unknown. If records are missing, the entity fails;
// otherwise a rebuild is ready to be applied, and a verify ends with the confirmed differences. An id
// cannot occur twice: it is the primary key.
func (s *Store) CheckRebuild(ctx context.Context, target ledger.Target, at ledger.Position, counted int64) (ledger.Position, error) {
	what := fmt.Sprintf("check the staging table of %s in run %d", target.Entity.Name, target.Run.Number)
	return s.rebuildStep(ctx, what, target, at, events.PhaseChecking, func(tx pgx.Tx, staging pageStore, f fence) (ledger.Position, error) {
		shortfall, err := staging.check(ctx, tx, f, counted)
		if err != nil {
			return ledger.Position{}, err
		}
		if shortfall != nil {
			if err := setStatus(ctx, tx, target, string(events.StatusFailed)); err != nil {
				return ledger.Position{}, err
			}
			return staging.finishStep(ctx, tx, events.StatusFailed, shortfall, rowCounts{}, 0)
		}
		if target.Mode.Info().ReadOnly {
			return s.finishVerify(ctx, tx, staging, f)
		}
		return staging.finishStep(ctx, tx, "", nil, rowCounts{}, 0)
	})
}

// ApplyRebuild applies the difference between the staging table and the table of the entity in one
// transaction, and finishes the entity. Rows that ServiceTitan does not have are marked deleted; if
// the delete guard refuses that, nothing is changed. A row that was fetched later than its record
// in the staging table is kept.
func (s *Store) ApplyRebuild(ctx context.Context, target ledger.Target, at ledger.Position) (ledger.Position, error) {
	what := fmt.Sprintf("apply the staging table of %s in run %d", target.Entity.Name, target.Run.Number)
	return s.rebuildStep(ctx, what, target, at, events.PhaseApplying, func(tx pgx.Tx, staging pageStore, f fence) (next ledger.Position, err error) {
		if _, err := withStagedColumns(ctx, tx, staging.Entity, staging.table()); err != nil {
			return next, err
		}
		if err := staging.fillDiff(ctx, tx); err != nil {
			return next, err
		}
		// Pages of the table wait from here on, so that the counts stay correct.
		resume, err := lockResumePoint(ctx, tx, target)
		if err != nil {
			return next, err
		}
		marked, failure, err := staging.markMissingDeleted(ctx, tx, f)
		if err != nil {
			return next, err
		}
		var done rowCounts
		status := events.StatusFailed
		if failure == nil {
			status = events.StatusCompleted
			err = tx.QueryRow(ctx, mergeSQL(staging.Entity, staging.table()), staging.TenantID, staging.Run.Number).
				Scan(&done.Inserted, &done.Updated, &done.Deleted, &done.live, &done.castFailures)
			if err == nil {
				err = staging.finishFieldPolicy(ctx, tx, resume, f, s.fieldPolicy)
			}
			if err != nil {
				return next, err
			}
		}
		if _, err := tx.Exec(ctx, "drop table "+diffTable(staging.table())); err != nil {
			return next, err
		}
		if next, err = staging.finishStep(ctx, tx, status, failure, done, marked); err != nil {
			return next, err
		}
		return next, staging.saveState(ctx, tx, done.live-marked, status, resumeUpdate{}, time.Time{})
	})
}

// fillDiff finds the rows that differ while other runs store pages, which takes long. mergeSQL
// checks these rows again while the table does not change.
func (s pageStore) fillDiff(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, s.sql("create table "+diffTable(s.table())+" (st_id KEY primary key)"))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, diffSQL(s.Entity, s.table()), s.TenantID); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "analyze "+diffTable(s.table()))
	return err
}

// rebuildStep runs a step of a rebuild or verify in the phase that must be current.
func (s *Store) rebuildStep(ctx context.Context, what string, target ledger.Target, at ledger.Position, phase events.Phase,
	step func(pgx.Tx, pageStore, fence) (ledger.Position, error),
) (next ledger.Position, err error) {
	staging := pageStore{Target: target, guard: s.deleteGuard}
	err = s.transact(ctx, what, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local statement_timeout = '"+applyTimeout+"'"); err != nil {
			return err
		}
		fence, err := staging.lock(ctx, tx, at.Version)
		if err != nil {
			return err
		}
		if fence.phase != phase {
			return fmt.Errorf("the entity is in phase %q, want %q", fence.phase, phase)
		}
		next, err = step(tx, staging, fence)
		return err
	})
	if err == nil {
		s.reportPage(target, at, next)
	}
	return next, err
}

// check returns an error if the staging table lacks records, nil otherwise.
//
// A list contains what it counts: fewer records than it counted before and after the read mean that
// some were not read. The count of an export feed is that of the list of the same entity, which may
// have other kinds of records and may have them a little earlier, so a few may be missing.
func (s pageStore) check(ctx context.Context, tx pgx.Tx, f fence, counted int64) (*events.RunError, error) {
	if _, err := tx.Exec(ctx, "analyze "+s.table()); err != nil { // for the comparison of whole tables that follows
		return nil, err
	}
	var rows, live int64
	err := tx.QueryRow(ctx, s.sql("select count(*), count(*) filter (where deleted_at is null) from TARGET")).Scan(&rows, &live)
	if err != nil {
		return nil, err
	}
	if rows != f.seen {
		return &events.RunError{Type: events.StoreError, Entity: s.Entity.Name, Message: fmt.Sprintf(
			"the staging table has %d rows, want the %d that were loaded; nothing was changed", rows, f.seen)}, nil
	}
	loaded, expected := rows+f.rejected, counted
	if f.total >= 0 && (counted < 0 || f.total < counted) {
		expected = f.total
	}
	minimum := expected
	if s.Entity.Export != "" {
		loaded, minimum = live+f.rejected, expected-s.deleteLimit(expected)
	}
	if loaded >= minimum {
		return nil, nil
	}
	return &events.RunError{Type: events.APIError, Entity: s.Entity.Name, Message: fmt.Sprintf(
		"%d records were read and ServiceTitan counts %d; nothing was changed", loaded, expected)}, nil
}

// markMissingDeleted marks rows as deleted that the staging table does not have and, if the list
// takes ids, that ServiceTitan did not have in a lookup. If a record had no id, it may be any of
// them, and nothing is marked.
func (s pageStore) markMissingDeleted(ctx context.Context, tx pgx.Tx, f fence) (marked int64, failure *events.RunError, err error) {
	if f.unidentified > 0 {
		return 0, nil, nil
	}
	if s.Entity.CanLookUp() {
		result, err := s.markAbsentDeleted(ctx, tx, f)
		return result.deleted, result.failure, err
	}
	args := []any{s.TenantID, s.Run.Number, tableName(s.Entity), f.watermark}
	var missing, live int64
	err = tx.QueryRow(ctx, s.sql(`select (select count(*) from TABLE kept where MISSING),
		(select count(*) from TABLE where tenant_id = $1 and deleted_at is null)`), args...).Scan(&missing, &live)
	if err != nil || missing == 0 {
		return 0, nil, err
	}
	if failure := s.checkDeleteGuard("the rebuild did not find", missing, live, f); failure != nil {
		return 0, failure, nil
	}
	tag, err := tx.Exec(ctx, s.sql(`update TABLE kept set deleted_at = (select coalesce(max(fetched_at), $4) from TARGET), run_number = $2
		where MISSING`), args...)
	return tag.RowsAffected(), nil, err
}

// finishStep moves the cursor to phase applying, or ends it with a status and the counts.
func (s pageStore) finishStep(ctx context.Context, tx pgx.Tx, status events.Status, runErr *events.RunError, done rowCounts, marked int64) (ledger.Position, error) {
	failure, err := document(runErr)
	if err != nil {
		return ledger.Position{}, err
	}
	return pgx.CollectExactlyOneRow(query(ctx, tx, `
		update raw.sync_cursors
		set version = version + 1, phase = case when $3 = '' then 'applying' else phase end, status = $3, error = $4,
			inserted = $5, updated = $6, deleted = $7::bigint + $8::bigint,
			unchanged = case when $3 = 'completed' then fetched - rejected - $5 - $6 - $7::bigint else 0 end, updated_at = clock_timestamp()
		where run_number = $1 and table_name = $2
		returning `+positionColumns,
		s.Run.Number, tableName(s.Entity), string(status), failure, done.Inserted, done.Updated, done.Deleted, marked), scanPosition)
}
