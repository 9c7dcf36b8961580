package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// MissingIDs lists ids of missing rows, or of a refresh, that a run in phase sweeping has not looked up
// yet, at most limit.
func (s *Store) MissingIDs(ctx context.Context, target ledger.Target, limit int) ([]string, error) {
	switch {
	case target.Refresh:
		return s.refreshIDs(ctx, target, limit)
	case target.Mode.Info().ReadOnly:
		return s.candidates(ctx, target, limit)
	}
	return readRows(ctx, s, fmt.Sprintf("list missing rows of %s in run %d", target.Entity.Name, target.Run.Number), pgx.RowTo[string], `
		select m.st_id from raw.sync_missed m join raw.sync_runs r using (run_number, tenant_id)
		where m.run_number = $1 and m.table_name = $2 and m.absent_at is null order by m.st_id limit $3`,
		target.Run.Number, tableName(target.Entity), limit)
}

// StoreLookup stores the response to a lookup of rows by id, as StorePage stores a page, with the
// same errors. When every missing row was looked up, the rows that ServiceTitan does not have are
// marked deleted, within the delete guard.
func (s *Store) StoreLookup(ctx context.Context, target ledger.Target, at ledger.Position, ids []string, p entity.Page) (next ledger.Position, err error) {
	what := fmt.Sprintf("store %d records of %s looked up for run %d", len(p.Records), target.Entity.Name, target.Run.Number)
	p.Next, p.Last, p.Total = at.Cursor, true, -1
	page := pageStore{Target: target, page: p, guard: s.deleteGuard, fields: s.fields.unrecorded(target, p.Fields)}
	if target.Refresh {
		page.pages, page.listed = 1, target.Entity.Export != ""
	}
	var first firsts
	err = s.transact(ctx, what, func(tx pgx.Tx) (err error) {
		next, first, err = page.storeLookup(ctx, tx, at.Version, ids)
		return err
	})
	if err == nil {
		s.reportFirsts(page, first)
		s.reportPage(target, at, next)
	}
	return next, err
}

func (s pageStore) storeLookup(ctx context.Context, tx pgx.Tx, version int64, requested []string) (next ledger.Position, first firsts, err error) {
	fence, err := s.lock(ctx, tx, version)
	if err != nil {
		return next, first, err
	}
	resume, err := s.lockResumePoint(ctx, tx)
	if err != nil {
		return next, first, err
	}
	s.again = s.isSecondLook(fence)
	done, err := s.writeRecords(ctx, tx)
	if err != nil {
		return next, first, err
	}
	var result sweepResult
	if s.Refresh {
		result, err = s.refreshed(ctx, tx, requested)
	} else {
		result, err = s.afterLookup(ctx, tx, fence, done, requested)
	}
	if err != nil {
		return next, first, err
	}
	if first, err = s.recordFirsts(ctx, tx, done); err != nil {
		return next, first, err
	}
	s.page.Warnings = append(slices.Clone(s.page.Warnings), newFieldsWarnings(first.fields)...)
	next, err = s.saveProgress(ctx, tx, resume, fence, done, result)
	return next, first, err
}

// afterLookup records what a lookup of missing rows showed, and returns what follows.
func (s pageStore) afterLookup(ctx context.Context, tx pgx.Tx, f fence, done rowCounts, requested []string) (sweepResult, error) {
	remaining, err := s.recordLookup(ctx, tx, requested)
	if err != nil {
		return sweepResult{}, err
	}
	result := sweepResult{next: events.PhaseSweeping}
	switch {
	case s.Mode.Info().Staged:
		if remaining == 0 {
			result.next = events.PhaseChecking
		}
		err = s.countStaged(ctx, tx, done.Inserted)
	case remaining == 0:
		result, err = s.markAbsentDeleted(ctx, tx, f)
	}
	return result, err
}

// recordLookup records which of the requested ids are absent and returns the number of ids that are
// not looked up yet. A record without an id in the response may be any of them, so then none is
// absent.
func (s pageStore) recordLookup(ctx context.Context, tx pgx.Tx, requested []string) (remaining int64, err error) {
	if s.again {
		return s.recordCandidates(ctx, tx, requested)
	}
	found, unidentified := s.recordIDs()
	if unidentified > 0 {
		found = requested
	}
	_, err = tx.Exec(ctx, "delete from raw.sync_missed where tenant_id = $1 and table_name = $2 and run_number = $3 and st_id = any($4)",
		s.TenantID, tableName(s.Entity), s.Run.Number, found)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `update raw.sync_missed set absent_at = $5
		where tenant_id = $1 and table_name = $2 and run_number = $3 and st_id = any($4)`,
		s.TenantID, tableName(s.Entity), s.Run.Number, requested, s.page.Date)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `select count(*) from raw.sync_missed
		where tenant_id = $1 and table_name = $2 and run_number = $3 and absent_at is null`,
		s.TenantID, tableName(s.Entity), s.Run.Number).Scan(&remaining)
	return remaining, err
}

// absentRows selects the rows that ServiceTitan did not have in a lookup and that no run has
// fetched since this run began.
const absentRows = `from raw.sync_missed m join TABLE kept on kept.tenant_id = m.tenant_id and kept.st_id = m.st_id::KEY
where m.tenant_id = $1 and m.run_number = $2 and m.table_name = $3 and m.absent_at is not null
    and kept.deleted_at is null and kept.fetched_at < $4`

// markAbsentDeleted marks the absent rows as deleted.
func (s pageStore) markAbsentDeleted(ctx context.Context, tx pgx.Tx, f fence) (sweepResult, error) {
	args := []any{s.TenantID, s.Run.Number, tableName(s.Entity), f.watermark}
	var missing, live int64
	err := tx.QueryRow(ctx, s.sql("select (select count(*) "+absentRows+"), (select count(*) from TABLE where tenant_id = $1 and deleted_at is null)"), args...).
		Scan(&missing, &live)
	if err != nil {
		return sweepResult{}, err
	}
	if failure := s.checkDeleteGuard("ServiceTitan does not have", missing, live, f); failure != nil {
		return sweepResult{failure: failure}, nil
	}
	_, err = tx.Exec(ctx, s.sql("with absent as (select m.st_id, m.absent_at "+absentRows+`)
		update TABLE kept set deleted_at = absent.absent_at, run_number = $2 from absent
		where kept.tenant_id = $1 and kept.st_id = absent.st_id::KEY`), args...)
	if err != nil {
		return sweepResult{}, err
	}
	_, err = tx.Exec(ctx, "delete from raw.sync_missed where tenant_id = $1 and table_name = $2", s.TenantID, tableName(s.Entity))
	return sweepResult{deleted: missing}, err
}
