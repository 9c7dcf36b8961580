package store

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// DefaultDeleteGuard is the default of Options.DeleteGuard: the share of the live rows of a table
// that may be marked deleted because they are missing.
const DefaultDeleteGuard = 0.10

// guardFloor is the number of rows that may be marked deleted in a table of any size.
const guardFloor = 50

// sweepResult is what follows the last page of a read.
type sweepResult struct {
	next    events.Phase // the next phase of the entity, "" if there is none
	deleted int64
	failure *events.RunError // the delete guard, or an unstable list: nothing was marked

	warnings []string // for the outcome
}

// sweepsMissingRows reports whether the read shows deletions only by absence: it is a full sync of
// an entity without an export feed.
func (s pageStore) sweepsMissingRows() bool {
	return s.Mode == events.Full && s.Entity.Export == ""
}

// sweep records the ids of the page and, after the last page, handles the rows that are missing
// from the read. If the list takes ids, the missing rows are looked up. Otherwise the rows that
// this full sync and the previous complete one both missed are marked deleted.
//
// Nothing is marked if a record had no id, if the recorded ids are incomplete or if the list was
// unstable, because a row that was not seen is then not known to be deleted. The delete guard fails
// the entity if too many rows would be marked.
func (s pageStore) sweep(ctx context.Context, tx pgx.Tx, f fence, done rowCounts) (sweepResult, error) {
	if s.Mode.Info().Staged {
		return s.afterStaging(ctx, tx, f, done)
	}
	if s.Refresh && s.page.Last {
		return s.afterRefresh(ctx, tx)
	}
	if !s.sweepsMissingRows() {
		return sweepResult{}, nil
	}
	complete, err := s.recordSeen(ctx, tx)
	if err != nil || !s.page.Last {
		return sweepResult{}, err
	}
	var result sweepResult
	switch {
	case complete && s.Entity.CanLookUp():
		result.next, err = s.recordMissing(ctx, tx, f.watermark)
	case complete && !s.page.Unstable:
		result, err = s.markTwiceMissingDeleted(ctx, tx, f)
	default: // this full sync may have seen rows that the previous one missed
		_, err = tx.Exec(ctx, "delete from raw.sync_missed where tenant_id = $1 and table_name = $2", s.TenantID, tableName(s.Entity))
	}
	if err != nil {
		return sweepResult{}, err
	}
	_, err = tx.Exec(ctx, "delete from raw.sync_seen where run_number = $1 and table_name = $2", s.Run.Number, tableName(s.Entity))
	return result, err
}

// recordIDs returns the ids of the records of the page, stored or not, and the number of records
// without an id or missing from a damaged response.
func (s pageStore) recordIDs() (ids []string, unidentified int64) {
	ids, unidentified = []string{}, int64(s.page.DamagedPlaces)
	for _, r := range s.page.Records {
		ids = append(ids, text(r.ID))
	}
	for _, r := range s.page.Rejected {
		if r.ID == "" {
			unidentified++
			continue
		}
		ids = append(ids, text(r.ID))
	}
	return ids, unidentified
}

// recordSeen stores the ids of the page. After the last page it reports whether every record of the
// read is known by its id.
func (s pageStore) recordSeen(ctx context.Context, tx pgx.Tx) (complete bool, err error) {
	ids, unidentified := s.recordIDs()
	var seen int64
	err = tx.QueryRow(ctx, `
		with new as (
			insert into raw.sync_seen (run_number, table_name, st_id) select $1, $2, id from unnest($3::text[]) id
			on conflict do nothing returning 1)
		update raw.sync_cursors set seen = seen + (select count(*) from new), unidentified = unidentified + $4
		where run_number = $1 and table_name = $2
		returning seen, unidentified`, s.Run.Number, tableName(s.Entity), ids, unidentified).Scan(&seen, &unidentified)
	if err != nil || !s.page.Last {
		return false, err
	}
	var kept int64
	err = tx.QueryRow(ctx, "select count(*) from raw.sync_seen where run_number = $1 and table_name = $2",
		s.Run.Number, tableName(s.Entity)).Scan(&kept)
	return kept == seen && unidentified == 0, err
}

// missingCondition returns the condition under which a row with alias kept is missing from a read.
// Parameters: $1 tenant, $2 run number, $3 table name, $4 when the read began. A row that was
// fetched since then is not missing: another run has just read it.
func (s pageStore) missingCondition() string {
	const condition = `kept.tenant_id = $1 and kept.deleted_at is null and kept.fetched_at < $4 and not exists (`
	if s.Mode.Info().Staged {
		return condition + `select from TARGET staging where staging.tenant_id = $1 and staging.st_id = kept.st_id)
    and not exists (select from raw.rejected_records r where r.run_number = $2 and r.table_name = $3 and r.st_id = kept.st_id::text)`
	}
	return condition + `select from raw.sync_seen s where s.run_number = $2 and s.table_name = $3 and s.st_id = kept.st_id::text)`
}

// avoidNestedLoops makes the rest of the transaction compare whole tables with each other by hashing or sorting.
// Their statistics are of a time before this run, often of an empty table: PostgreSQL would expect few rows and
// read all ids of the run for each row, 20 s for 10,000 rows.
func avoidNestedLoops(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "set local enable_nestloop = off")
	return err
}

// missingTemplate replaces the rows of the table in raw.sync_missed by those that are missing from
// the read. It returns how many of them the previous complete full sync missed too, and the number
// of live rows.
const missingTemplate = `with missing as (
    select st_id::text as st_id from TABLE kept where MISSING
), no_longer_missing as (
    delete from raw.sync_missed m
    where m.tenant_id = $1 and m.table_name = $3 and not exists (select from missing where missing.st_id = m.st_id)
), recorded as (
    insert into raw.sync_missed (tenant_id, table_name, st_id, run_number) select $1, $3, st_id, $2 from missing
    on conflict do nothing
)
select
    (select count(*) from raw.sync_missed m join missing using (st_id) where m.tenant_id = $1 and m.table_name = $3 and m.run_number <> $2),
    (select count(*) from TABLE where tenant_id = $1 and deleted_at is null)`

// markTwiceMissingTemplate marks the rows as deleted that two complete full syncs have missed.
const markTwiceMissingTemplate = `with twice_missing as (
    delete from raw.sync_missed where tenant_id = $1 and table_name = $3 and run_number <> $2 returning st_id
)
update TABLE set deleted_at = $4, run_number = $2
where tenant_id = $1 and deleted_at is null and st_id = any (select st_id::KEY from twice_missing)`

func (s pageStore) markTwiceMissingDeleted(ctx context.Context, tx pgx.Tx, f fence) (sweepResult, error) {
	if err := avoidNestedLoops(ctx, tx); err != nil {
		return sweepResult{}, err
	}
	var confirmed, live int64
	err := tx.QueryRow(ctx, s.sql(missingTemplate), s.TenantID, s.Run.Number, tableName(s.Entity), f.watermark).Scan(&confirmed, &live)
	if err != nil || confirmed == 0 {
		return sweepResult{}, err
	}
	if failure := s.checkDeleteGuard("two full syncs did not find", confirmed, live, f); failure != nil {
		return sweepResult{failure: failure}, nil
	}
	tag, err := tx.Exec(ctx, s.sql(markTwiceMissingTemplate), s.TenantID, s.Run.Number, tableName(s.Entity), s.page.Date)
	return sweepResult{deleted: tag.RowsAffected()}, err
}

// deleteLimit returns the number of rows that the delete guard allows to be missing.
func (s pageStore) deleteLimit(live int64) int64 {
	return max(guardFloor, int64(math.Ceil(s.guard*float64(live))))
}

// checkDeleteGuard returns an error if too many rows of the table would be marked deleted.
func (s pageStore) checkDeleteGuard(what string, missing, live int64, f fence) *events.RunError {
	limit := s.deleteLimit(live)
	if missing <= limit || f.allowDeletes {
		return nil
	}
	return &events.RunError{Type: events.DeleteGuard, Entity: s.Entity.Name, Message: fmt.Sprintf(
		"%s %d of %d rows; marking more than %d as deleted needs a %s request with allowDeletes", what, missing, live, limit, s.Mode)}
}

// sql expands a template: TABLE is the table of the entity, TARGET the table that the run writes
// records to, KEY the type of st_id, MISSING the condition of missing rows.
func (s pageStore) sql(template string) string {
	template = strings.ReplaceAll(template, "MISSING", s.missingCondition())
	return strings.NewReplacer("TABLE", tableName(s.Entity), "TARGET", s.table(), "KEY", ddl.KeyType(s.Entity)).Replace(template)
}

// recordMissing replaces the rows of the table in raw.sync_missed by those that are missing from
// the read, to be looked up. It returns the next phase, "" if no row is missing.
func (s pageStore) recordMissing(ctx context.Context, tx pgx.Tx, began time.Time) (events.Phase, error) {
	if err := avoidNestedLoops(ctx, tx); err != nil {
		return "", err
	}
	_, err := tx.Exec(ctx, "delete from raw.sync_missed where tenant_id = $1 and table_name = $2", s.TenantID, tableName(s.Entity))
	if err != nil {
		return "", err
	}
	tag, err := tx.Exec(ctx, s.sql(`insert into raw.sync_missed (tenant_id, table_name, st_id, run_number)
		select $1, $3, st_id::text, $2 from TABLE kept where MISSING`), s.TenantID, s.Run.Number, tableName(s.Entity), began)
	if err != nil || tag.RowsAffected() == 0 {
		return "", err
	}
	return events.PhaseSweeping, nil
}
