package store

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// DefaultDeleteGuard is the share of live rows that a sweep may mark deleted at most.
const DefaultDeleteGuard = 0.10

// guardFloor is how many rows a sweep may mark whatever the size of the table.
const guardFloor = 50

// swept is what the end of a full read did to the rows it did not find.
type swept struct {
	deleted int64
	refused *events.RunError // the delete guard: nothing was marked
}

// sweeps says whether the page belongs to a read that shows deletions only by absence:
// a full sync of an entity without an export feed.
func (s pageStore) sweeps() bool {
	return s.mode == events.Full && s.entity.Export == ""
}

// sweep remembers the ids of the page and, after the last one, marks the rows that
// this full sync and the complete one before it have both missed. It marks nothing when
// any record came without an id or the memory of ids is not whole, since what it does
// not know of must not pass for deleted, and refuses when it would mark too many.
func (s pageStore) sweep(ctx context.Context, tx pgx.Tx, f fence) (swept, error) {
	if !s.sweeps() {
		return swept{}, nil
	}
	whole, err := s.remember(ctx, tx)
	if err != nil || !s.page.Last {
		return swept{}, err
	}
	done := swept{}
	if whole {
		if done, err = s.markMissing(ctx, tx, f); err != nil {
			return swept{}, err
		}
	}
	_, err = tx.Exec(ctx, "delete from raw.sync_seen where run_number = $1 and table_name = $2", s.run, tableName(s.entity))
	return done, err
}

// remember keeps the ids of the page and says whether every record so far is known by
// its id.
func (s pageStore) remember(ctx context.Context, tx pgx.Tx) (whole bool, err error) {
	var ids []string
	var unidentified int64
	for _, r := range s.page.Records {
		ids = append(ids, r.ID)
	}
	for _, r := range s.page.Rejected {
		if r.ID == "" {
			unidentified++
			continue
		}
		ids = append(ids, text(r.ID))
	}
	var seen int64
	err = tx.QueryRow(ctx, `
		with new as (
			insert into raw.sync_seen (run_number, table_name, st_id) select $1, $2, id from unnest($3::text[]) id
			on conflict do nothing returning 1)
		update raw.sync_cursors set seen = seen + (select count(*) from new), unidentified = unidentified + $4
		where run_number = $1 and table_name = $2
		returning seen, unidentified`, s.run, tableName(s.entity), ids, unidentified).Scan(&seen, &unidentified)
	if err != nil || !s.page.Last {
		return false, err
	}
	var kept int64
	err = tx.QueryRow(ctx, "select count(*) from raw.sync_seen where run_number = $1 and table_name = $2",
		s.run, tableName(s.entity)).Scan(&kept)
	return kept == seen && unidentified == 0, err
}

// missingTemplate replaces the table's rows of raw.sync_missed by the live rows that
// the run has not seen, and returns how many of them the complete full sync before
// missed too, and how many rows live. A row read since the run began is not missing:
// somebody else has just seen it.
const missingTemplate = `with missing as (
    select st_id::text as st_id from TABLE kept
    where tenant_id = $1 and deleted_at is null and fetched_at < $4
    and not exists (select from raw.sync_seen s where s.run_number = $2 and s.table_name = $3 and s.st_id = kept.st_id::text)
), found as (
    delete from raw.sync_missed m
    where m.tenant_id = $1 and m.table_name = $3 and not exists (select from missing where missing.st_id = m.st_id)
), noted as (
    insert into raw.sync_missed (tenant_id, table_name, st_id, run_number) select $1, $3, st_id, $2 from missing
    on conflict do nothing
)
select
    (select count(*) from raw.sync_missed m join missing using (st_id) where m.tenant_id = $1 and m.table_name = $3 and m.run_number <> $2),
    (select count(*) from TABLE where tenant_id = $1 and deleted_at is null)`

// markTemplate marks what two complete full syncs have missed.
const markTemplate = `with gone as (
    delete from raw.sync_missed where tenant_id = $1 and table_name = $3 and run_number <> $2 returning st_id
)
update TABLE set deleted_at = $4, run_number = $2
where tenant_id = $1 and deleted_at is null and st_id = any (select st_id::KEY from gone)`

func (s pageStore) markMissing(ctx context.Context, tx pgx.Tx, f fence) (swept, error) {
	table := tableName(s.entity)
	watermark := f.watermark
	if watermark.IsZero() {
		watermark = s.page.Date // a single page: its own date
	}
	var confirmed, live int64
	err := tx.QueryRow(ctx, forTable(missingTemplate, s.entity), s.tenant, s.run, table, watermark).Scan(&confirmed, &live)
	if err != nil || confirmed == 0 {
		return swept{}, err
	}
	if most := max(guardFloor, int64(math.Ceil(s.guard*float64(live)))); confirmed > most && !f.allowDeletes {
		return swept{refused: &events.RunError{Type: events.DeleteGuard, Entity: s.entity.Name, Message: fmt.Sprintf(
			"two full syncs did not find %d of %d rows; more than %d are marked deleted only by a full request with allowDeletes",
			confirmed, live, most)}}, nil
	}
	tag, err := tx.Exec(ctx, forTable(markTemplate, s.entity), s.tenant, s.run, table, s.page.Date)
	return swept{deleted: tag.RowsAffected()}, err
}

func forTable(template string, e entity.Entity) string {
	return strings.NewReplacer("TABLE", tableName(e), "KEY", keyType(e)).Replace(template)
}
