package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// StorePage stores a page and the position after it in one transaction, and returns that position.
// Older data never overwrites newer, unchanged rows are not written, and records that PostgreSQL
// rejects go to raw.rejected_records.
//
// It fails with ledger.ErrFinalized if the run has an outcome, with ledger.ErrUnknown if the
// execution has no such run, and with ledger.ErrFenced if the position of the run is not at, or the
// run has none in the entity: the page was stored and the response was lost, or PostgreSQL was
// restored. Nothing is written then, and after ErrFenced Open returns the position from which to
// continue.
func (s *Store) StorePage(ctx context.Context, target ledger.Target, at ledger.Position, p entity.Page) (ledger.Position, error) {
	what := fmt.Sprintf("store page %d of %s for run %d", at.Pages+1, target.Entity.Name, target.Run.Number)
	if p.Date.IsZero() {
		return ledger.Position{}, fmt.Errorf("%s: the page has no date, want the date of the response, which orders versions", what)
	}
	page := pageStore{Target: target, page: p, pages: 1, guard: s.deleteGuard, fields: s.fields.unrecorded(target, p.Fields)}
	var next ledger.Position
	var first firsts
	err := s.transact(ctx, what, func(tx pgx.Tx) (err error) {
		next, first, err = page.store(ctx, tx, at.Version)
		failpoint.Hit("store/page-written")
		return err
	})
	if err == nil {
		s.reportFirsts(page, first)
		s.reportPage(target, at, next)
	}
	return next, err
}

// pageStore is the transaction of one page or of one step of a rebuild or verify.
type pageStore struct {
	ledger.Target
	page   entity.Page
	pages  int64    // number of pages to count: 1, or 0 for the lookup of a sweep
	guard  float64  // Options.DeleteGuard
	fields []string // of the page that are not known to be recorded
	again  bool     // the page belongs to the second look of a verify
	// listed says that the records are those of the list of an entity with an export feed.
	listed bool
}

// firsts is what a page is the first to have: cast failures of columns in the run, new fields at all.
type firsts struct {
	castFailures []newCastFailure
	fields       []string
}

// store is the transaction of a page. It returns the position after the page.
func (s pageStore) store(ctx context.Context, tx pgx.Tx, version int64) (next ledger.Position, first firsts, err error) {
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
	sweep, err := s.sweep(ctx, tx, fence, done)
	if err != nil {
		return next, first, err
	}
	if first, err = s.recordFirsts(ctx, tx, done); err != nil {
		return next, first, err
	}
	s.page.Warnings = append(slices.Clone(s.page.Warnings), newFieldsWarnings(first.fields)...)
	next, err = s.saveProgress(ctx, tx, resume, fence, done, sweep)
	return next, first, err
}

// recordFirsts records the cast failures and the fields of a page, and returns those that are the first.
func (s pageStore) recordFirsts(ctx context.Context, tx pgx.Tx, done rowCounts) (first firsts, err error) {
	if first.castFailures, err = s.recordCastFailures(ctx, tx, done.castFailures); err != nil {
		return first, err
	}
	first.fields, err = s.recordFields(ctx, tx)
	return first, err
}

// reportFirsts logs what a page that is stored was the first to have.
func (s *Store) reportFirsts(page pageStore, first firsts) {
	s.fields.add(page.Target, page.fields)
	s.logCastFailures(page.Target, first.castFailures)
	s.reportNewFields(page.Target, first.fields)
}

// tableFaultThreshold is the number of records from which a page without a single stored record is
// an error of the table and not of the records.
const tableFaultThreshold = 20

// writeRecords upserts the records of the page, and stores and counts those that are rejected.
func (s pageStore) writeRecords(ctx context.Context, tx pgx.Tx) (done rowCounts, err error) {
	records, invalid := prepareRecords(s.Entity, s.page.Records)
	if s.listed {
		if records, err = s.newerThanRows(ctx, tx, records); err != nil {
			return done, err
		}
	}
	if s.Mode.Info().Staged {
		if s.Entity, err = withStagedColumns(ctx, tx, s.Entity, s.table()); err != nil {
			return done, err
		}
	}
	var refused []entity.Rejected
	if s.Mode.Info().Staged { // the table has none of the rows yet
		done, refused, err = s.upsert(ctx, tx, records)
	} else {
		done, refused, err = s.upsertChanged(ctx, tx, records)
	}
	if err != nil {
		return done, err
	}
	if len(refused) >= tableFaultThreshold && len(refused) == len(records) {
		return done, fmt.Errorf("PostgreSQL rejects every record of the page, the first with: %w", s.rejectionError(ctx, tx, records[:1]))
	}
	all := slices.Concat(invalid, s.page.Rejected, refused)
	if s.again {
		if all, err = s.rejectCandidates(ctx, tx, all); err != nil {
			return done, err
		}
	}
	done.Rejected = int64(len(all))
	return done, s.reject(ctx, tx, all)
}

// saveProgress moves the cursor behind the page and updates the state of the table.
func (s pageStore) saveProgress(ctx context.Context, tx pgx.Tx, at resumePoint, f fence, done rowCounts, sweep sweepResult) (ledger.Position, error) {
	if err := s.saveFieldPolicy(ctx, tx, at, f, done); err != nil {
		return ledger.Position{}, err
	}
	if s.Mode.Info().Staged {
		done = rowCounts{Counts: events.Counts{Rejected: done.Rejected}} // the table of the entity has not changed yet
	}
	next, err := s.advance(ctx, tx, f, done, sweep)
	switch {
	case err != nil || s.Mode.Info().ReadOnly:
		return next, err
	case s.Refresh:
		return next, s.saveCount(ctx, tx, done.live)
	}
	return next, s.saveState(ctx, tx, done.live-sweep.deleted, next.Status, s.resumeUpdate(at, f, next.Status), f.watermark)
}

// table returns the table that the records are written to: a rebuild or verify has a staging table.
func (s pageStore) table() string {
	if s.Mode.Info().Staged {
		return stagingTable(s.Target)
	}
	return tableName(s.Entity)
}

// fence is the part of the run and its cursor that a page needs.
type fence struct {
	phase        events.Phase
	baseVersion  int64
	watermark    time.Time // date of the first page
	total        int64
	seen         int64
	unidentified int64
	rejected     int64
	allowDeletes bool
	fieldPolicy  *string // of the staging table, nil if it has no rows
	warnings     ledger.Warnings
}

// lock checks that the run has no outcome and that its cursor is at the version, and locks both
// until the transaction ends. It declares the definitions with which the transaction computes typed
// columns, the run to which its changes belong, and that no plans are reused (see planForMany).
func (s pageStore) lock(ctx context.Context, tx pgx.Tx, version int64) (f fence, err error) {
	if err := lockRunShared(ctx, tx, s.Run.Number); err != nil {
		return f, err
	}
	var state ledger.RunState
	var owner ledger.Execution
	var current int64
	var status events.Status
	var watermark *time.Time
	err = tx.QueryRow(ctx, `
		select r.state, r.workflow_id, r.first_run_id, r.pass, c.version, c.status, c.phase, c.base_version, c.watermark, c.total, c.seen, c.unidentified, c.rejected, r.allow_deletes, c.field_policy, `+keptWarnings+`, `+moreWarnings+`,
			set_config('`+columnsSetting+`', $3, true),
			set_config('`+changesSetting+`', case when c.loads then '`+changesOfLoad+`' else r.run_number::text end, true),
			set_config('plan_cache_mode', 'force_custom_plan', true)
		from raw.sync_runs r join raw.sync_cursors c using (run_number)
		where r.run_number = $1 and c.table_name = $2
		for share of r for update of c`, s.Run.Number, tableName(s.Entity), columnsDigest(tableName(s.Entity), s.Entity.Columns)).Scan(
		&state, &owner.WorkflowID, &owner.FirstRunID, &owner.Pass, &current, &status, &f.phase, &f.baseVersion, &watermark, &f.total, &f.seen, &f.unidentified, &f.rejected, &f.allowDeletes, &f.fieldPolicy, &f.warnings.Texts, &f.warnings.More, nil, nil, nil)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return f, s.noPositionError(ctx, tx)
	case err != nil:
		return f, err
	case s.Run.Check(owner) != nil:
		return f, s.Run.Check(owner)
	case state != ledger.Running:
		return f, ledger.ErrFinalized
	case current != version || status != "":
		return f, ledger.ErrFenced
	}
	if f.watermark = instant(watermark); f.watermark.IsZero() {
		f.watermark = s.page.Date
	}
	return f, nil
}

// noPositionError returns why the run has no position in the entity: PostgreSQL was restored to a
// time before the run (ErrUnknown), or between the beginnings of the run and of its position
// (ErrFenced).
func (s pageStore) noPositionError(ctx context.Context, tx pgx.Tx) error {
	if err := requireRunning(ctx, tx, s.Run); err != nil {
		return err
	}
	return ledger.ErrFenced
}

func (s pageStore) reject(ctx context.Context, tx pgx.Tx, rejected []entity.Rejected) error {
	if len(rejected) == 0 {
		return nil
	}
	ids, reasons, raws := make([]string, len(rejected)), make([]string, len(rejected)), make([][]byte, len(rejected))
	for i, r := range rejected {
		ids[i], reasons[i], raws[i] = text(r.ID), text(r.Reason), append([]byte{}, r.Raw...)
	}
	_, err := tx.Exec(ctx, `
		insert into raw.rejected_records (run_number, tenant_id, table_name, st_id, reason, bytes)
		select $1::bigint, $2::bigint, $3::text, st_id, reason, bytes
		from unnest($4::text[], $5::text[], $6::bytea[]) as r (st_id, reason, bytes)`,
		s.Run.Number, s.TenantID, tableName(s.Entity), ids, reasons, raws)
	if err != nil {
		return fmt.Errorf("store rejected records: %w", err)
	}
	return nil
}

// advance moves the cursor behind the page, or ends it there.
func (s pageStore) advance(ctx context.Context, tx pgx.Tx, f fence, done rowCounts, sweep sweepResult) (ledger.Position, error) {
	cursor, err := document(s.page.Next)
	if err != nil {
		return ledger.Position{}, err
	}
	status := events.Status("")
	switch {
	case sweep.failure != nil:
		status = events.StatusFailed
	case s.page.Last && sweep.next == "":
		status = events.StatusCompleted
	}
	failure, err := document(sweep.failure)
	if err != nil {
		return ledger.Position{}, err
	}
	fetched := int64(len(s.page.Records) + len(s.page.Rejected))
	unchanged := fetched - done.Rejected - done.Inserted - done.Updated - done.Deleted
	if s.Mode.Info().Staged {
		unchanged = 0 // not compared yet
	}
	warnings := f.warnings.Add(texts(slices.Concat(s.page.Warnings, sweep.warnings)))
	return pgx.CollectExactlyOneRow(query(ctx, tx, `
		update raw.sync_cursors
		set cursor = $3, version = version + 1, pages = pages + $15, fetched = fetched + $4, inserted = inserted + $5,
			updated = updated + $6, unchanged = unchanged + $7, deleted = deleted + $8, rejected = rejected + $9,
			total = case when $10 >= 0 then $10 else total end, status = $11,
			watermark = coalesce(watermark, $12), error = $13, phase = coalesce(nullif($14, ''), phase), updated_at = clock_timestamp(),
			warnings = $16, more_warnings = $17
		where run_number = $1 and table_name = $2
		returning `+positionColumns,
		s.Run.Number, tableName(s.Entity), cursor, fetched, done.Inserted, done.Updated, unchanged, done.Deleted+sweep.deleted, done.Rejected,
		int64(s.page.Total), string(status), s.page.Date, failure, string(sweep.next), s.pages, texts(warnings.Texts), warnings.More), scanPosition)
}
