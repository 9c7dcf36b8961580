package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// A refresh reads what its requests name: the changes since the earliest of their times, then their
// ids, a few with each call. It writes rows as every page does, and neither sweeps nor changes the
// resume point, the status and the freshness of the table.

// startRefresh returns where a refresh begins, and records the ids to look up, those of all requests
// of the run once. A skipped entity has none.
func startRefresh(ctx context.Context, tx pgx.Tx, target ledger.Target) (start positionStart, err error) {
	tag, err := tx.Exec(ctx, `
		insert into raw.sync_refresh_ids (run_number, table_name, st_id)
		select distinct $1::bigint, $2::text, id from raw.sync_requests q, unnest(q.ids) id
		where q.run_number = $1 and $3 = any(q.entities)
		on conflict do nothing`, target.Run.Number, tableName(target.Entity), target.Entity.Name)
	if err != nil {
		return start, fmt.Errorf("record the ids of a refresh: %w", err)
	}
	var since *time.Time
	err = tx.QueryRow(ctx, "select min(since) from raw.sync_requests where run_number = $1 and $2 = any(entities)",
		target.Run.Number, target.Entity.Name).Scan(&since)
	if err != nil {
		return start, fmt.Errorf("read the times of a refresh: %w", err)
	}
	switch {
	case since != nil:
		start.cursor = target.Entity.Start()
		start.cursor.Since = instant(since)
	case tag.RowsAffected() > 0:
		start.cursor, start.phase = entity.Cursor{Feed: entity.List}, events.PhaseSweeping
	default:
		start.cursor, start.skipped = target.Entity.Start(), requestsWithdrawn
	}
	return start, nil
}

// refreshIDs lists ids that were not looked up yet, at most limit.
func (s *Store) refreshIDs(ctx context.Context, target ledger.Target, limit int) ([]string, error) {
	return readRows(ctx, s, fmt.Sprintf("list ids of %s to refresh in run %d", target.Entity.Name, target.Run.Number), pgx.RowTo[string],
		"select st_id from raw.sync_refresh_ids where run_number = $1 and table_name = $2 and found is null order by st_id limit $3",
		target.Run.Number, tableName(target.Entity), limit)
}

// recordRefreshed records which of the requested ids ServiceTitan returned. It ignores case: a request may write a
// GUID in another case than ServiceTitan.
func (s pageStore) recordRefreshed(ctx context.Context, tx pgx.Tx, requested []string) error {
	found, unidentified := s.recordIDs()
	if unidentified > 0 { // a record without an id may be any of them
		found = slices.Clone(requested)
	}
	for i, id := range found {
		found[i] = strings.ToLower(id)
	}
	_, err := tx.Exec(ctx, `update raw.sync_refresh_ids set found = lower(st_id) = any($4)
		where run_number = $1 and table_name = $2 and st_id = any($3)`, s.Run.Number, tableName(s.Entity), requested, found)
	return err
}

// refreshed records what a lookup of a refresh showed, and returns what follows. The last one has the
// warning about absent ids.
func (s pageStore) refreshed(ctx context.Context, tx pgx.Tx, requested []string) (sweepResult, error) {
	if err := s.recordRefreshed(ctx, tx, requested); err != nil {
		return sweepResult{}, err
	}
	result, err := s.afterRefresh(ctx, tx)
	if err != nil || result.next != "" {
		return result, err
	}
	result.warnings, err = s.absentWarnings(ctx, tx)
	return result, err
}

// afterRefresh returns what follows: another lookup while ids remain, else nothing.
func (s pageStore) afterRefresh(ctx context.Context, tx pgx.Tx) (sweepResult, error) {
	var remain bool
	err := tx.QueryRow(ctx, "select exists (select from raw.sync_refresh_ids where run_number = $1 and table_name = $2 and found is null)",
		s.Run.Number, tableName(s.Entity)).Scan(&remain)
	if remain {
		return sweepResult{next: events.PhaseSweeping}, err
	}
	return sweepResult{}, err
}

// namedIDs is how many ids the warning about those that were not found names.
const namedIDs = 20

// absentWarnings returns the warning about ids that ServiceTitan did not return, none if it returned all.
// Their rows are kept: the list of an entity with an export feed omits records for other reasons, too.
func (s pageStore) absentWarnings(ctx context.Context, tx pgx.Tx) ([]string, error) {
	var all, absent int
	var some []string
	err := tx.QueryRow(ctx, `
		select count(*), count(*) filter (where not found),
			coalesce((array_agg(st_id order by length(st_id), st_id) filter (where not found))[:$3], '{}')
		from raw.sync_refresh_ids where run_number = $1 and table_name = $2`,
		s.Run.Number, tableName(s.Entity), namedIDs).Scan(&all, &absent, &some)
	if err != nil || absent == 0 {
		return nil, err
	}
	more := ""
	if absent > len(some) {
		more = fmt.Sprintf(" and %d more", absent-len(some))
	}
	return []string{fmt.Sprintf("ServiceTitan did not return %d of %d ids: %s%s; they are deleted or unknown there, and their rows were not changed",
		absent, all, strings.Join(some, ", "), more)}, nil
}

// newerTemplate returns the places of the records, from 1, whose row is missing or has an earlier
// version. Parameters: $1 tenant, $2 ids, $3 modified_on.
const newerTemplate = `select coalesce(array_agg(page.place::int order by page.place), '{}')
from unnest($2::KEY[], $3::timestamptz[]) with ordinality as page (st_id, modified_on, place)
    left join lateral (ROW) old on true
where old.st_id is null or coalesce(page.modified_on > old.modified_on, true)`

// newerThanRows returns the records that are newer than their rows. The list of an entity with an
// export feed may write the same version in another form, which must not replace that of the feed:
// no incremental sync reads the feed's form of that version again.
func (s pageStore) newerThanRows(ctx context.Context, tx pgx.Tx, records []record) ([]record, error) {
	if len(records) == 0 {
		return nil, nil
	}
	keys, modified, _ := s.versions(records)
	var places []int32
	statement := s.sql(strings.ReplaceAll(newerTemplate, "ROW", rowOf(tableName(s.Entity), "page.st_id")))
	if err := tx.QueryRow(ctx, statement, s.TenantID, keys, modified).Scan(&places); err != nil {
		return nil, fmt.Errorf("compare versions: %w", err)
	}
	newer := make([]record, len(places))
	for i, place := range places {
		newer[i] = records[place-1]
	}
	return newer, nil
}

// saveCount adds to the number of live rows of the table.
func (s pageStore) saveCount(ctx context.Context, tx pgx.Tx, live int64) error {
	if live == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "update raw.sync_state set records_count = records_count + $3, updated_at = clock_timestamp() where tenant_id = $1 and table_name = $2",
		s.TenantID, tableName(s.Entity), live)
	return err
}

// dropRefreshIDs deletes the ids of a run.
func dropRefreshIDs(ctx context.Context, tx pgx.Tx, run int64) error {
	_, err := tx.Exec(ctx, "delete from raw.sync_refresh_ids where run_number = $1", run)
	return err
}
