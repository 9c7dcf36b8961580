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

// DefaultDeleteGuard is the share of live rows that may be marked deleted at most
// because they are missing.
const DefaultDeleteGuard = 0.10

// guardFloor is how many rows may be marked whatever the size of the table.
const guardFloor = 50

// swept is what the end of a read made of the rows it did not find.
type swept struct {
	then    events.Phase // what remains to be done, "" when nothing does
	deleted int64
	refused *events.RunError // nothing was marked
}

// sweeps says whether the page belongs to a read that shows deletions only by absence:
// a full sync of an entity without an export feed.
func (s pageStore) sweeps() bool {
	return s.mode == events.Full && s.entity.Export == ""
}

// sweep remembers the ids of the page and, after the last one, deals with the rows that
// were not found: it has them looked up where the list takes ids, else it marks those
// that this full sync and the complete one before it have both missed. It marks nothing
// when any record came without an id, the memory of ids is not whole or the list never
// came to rest, since what it does not know of must not pass for deleted, and refuses
// when it would mark too many.
func (s pageStore) sweep(ctx context.Context, tx pgx.Tx, f fence, done stored) (swept, error) {
	if s.mode.Info().Staged {
		return s.loaded(ctx, tx, f, done)
	}
	if !s.sweeps() {
		return swept{}, nil
	}
	whole, err := s.remember(ctx, tx)
	if err != nil || !s.page.Last {
		return swept{}, err
	}
	after := swept{}
	switch {
	case whole && s.entity.CanLookUp():
		after.then, err = s.missing(ctx, tx, f.watermark)
	case whole && !s.page.Unstable:
		after, err = s.markMissing(ctx, tx, f)
	default: // it may well have seen what the one before has missed
		_, err = tx.Exec(ctx, "delete from raw.sync_missed where tenant_id = $1 and table_name = $2", s.tenant, tableName(s.entity))
	}
	if err != nil {
		return swept{}, err
	}
	_, err = tx.Exec(ctx, "delete from raw.sync_seen where run_number = $1 and table_name = $2", s.run, tableName(s.entity))
	return after, err
}

// identities are the ids of the page's records, stored or not, and how many records
// have none, or may be missing from a damaged answer.
func (s pageStore) identities() (ids []string, unidentified int64) {
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

// remember keeps the ids of the page and says whether every record so far is known by
// its id.
func (s pageStore) remember(ctx context.Context, tx pgx.Tx) (whole bool, err error) {
	ids, unidentified := s.identities()
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

// unfound is the condition under which a row, named kept, is missing from a read.
// Parameters: $1 tenant, $2 run number, $3 table name, $4 when the read began. A row
// read since then is not missing: somebody else has just seen it.
func (s pageStore) unfound() string {
	const missing = `kept.tenant_id = $1 and kept.deleted_at is null and kept.fetched_at < $4 and not exists (`
	if s.mode.Info().Staged {
		return missing + `select from TARGET side where side.tenant_id = $1 and side.st_id = kept.st_id)
    and not exists (select from raw.rejected_records r where r.run_number = $2 and r.table_name = $3 and r.st_id = kept.st_id::text)`
	}
	return missing + `select from raw.sync_seen s where s.run_number = $2 and s.table_name = $3 and s.st_id = kept.st_id::text)`
}

// missingTemplate replaces the table's rows of raw.sync_missed by the rows that the run
// has not found, and returns how many of them the complete full sync before missed too,
// and how many rows live.
const missingTemplate = `with missing as (
    select st_id::text as st_id from TABLE kept where UNFOUND
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
	var confirmed, live int64
	err := tx.QueryRow(ctx, s.sql(missingTemplate), s.tenant, s.run, tableName(s.entity), f.watermark).Scan(&confirmed, &live)
	if err != nil || confirmed == 0 {
		return swept{}, err
	}
	if refused := s.guarded("two full syncs did not find", confirmed, live, f); refused != nil {
		return swept{refused: refused}, nil
	}
	tag, err := tx.Exec(ctx, s.sql(markTemplate), s.tenant, s.run, tableName(s.entity), s.page.Date)
	return swept{deleted: tag.RowsAffected()}, err
}

// allowance is how many of so many rows may go missing unquestioned.
func (s pageStore) allowance(live int64) int64 {
	return max(guardFloor, int64(math.Ceil(s.guard*float64(live))))
}

// guarded refuses to mark too many rows of a table as deleted.
func (s pageStore) guarded(who string, missing, live int64, f fence) *events.RunError {
	most := s.allowance(live)
	if missing <= most || f.allowDeletes {
		return nil
	}
	return &events.RunError{Type: events.DeleteGuard, Entity: s.entity.Name, Message: fmt.Sprintf(
		"%s %d of %d rows; more than %d are marked deleted only by a %s request with allowDeletes", who, missing, live, most, s.mode)}
}

// sql completes a statement: TABLE is the entity's table, TARGET the one that this
// run's records go to.
func (s pageStore) sql(template string) string {
	template = strings.ReplaceAll(template, "UNFOUND", s.unfound())
	return strings.NewReplacer("TABLE", tableName(s.entity), "TARGET", s.table(), "KEY", ddl.KeyType(s.entity)).Replace(template)
}

// missing notes, in place of whatever was noted of the table, the rows that the run has
// not found, to be looked up. Where there are none, nothing remains to be done.
func (s pageStore) missing(ctx context.Context, tx pgx.Tx, began time.Time) (events.Phase, error) {
	_, err := tx.Exec(ctx, "delete from raw.sync_missed where tenant_id = $1 and table_name = $2", s.tenant, tableName(s.entity))
	if err != nil {
		return "", err
	}
	tag, err := tx.Exec(ctx, s.sql(`insert into raw.sync_missed (tenant_id, table_name, st_id, run_number)
		select $1, $3, st_id::text, $2 from TABLE kept where UNFOUND`), s.tenant, s.run, tableName(s.entity), began)
	if err != nil || tag.RowsAffected() == 0 {
		return "", err
	}
	return events.PhaseSweeping, nil
}
