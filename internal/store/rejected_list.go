package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
)

// rejectedSQL selects rejected records by the fields of a ledger.RejectedFilter. Records that were
// rejected at the same time are on the same page, because that time is the cursor.
const rejectedSQL = `
	select run_number, tenant_id, table_name, st_id, reason, length(bytes), rejected_at from raw.rejected_records
	where ($1::bigint is null or tenant_id = $1)
		and ($2::text = '' or table_name = 'raw.st_' || $2)
		and ($3::bigint = 0 or run_number = $3)
		and ($4::timestamptz is null or rejected_at < $4)
	order by rejected_at desc fetch first $5 rows with ties`

// RejectedRecords lists the rejected records that the filter selects, newest first, at most limit
// and those that were rejected at the same time as the last one.
func (s *Store) RejectedRecords(ctx context.Context, f ledger.RejectedFilter, limit int) ([]ledger.RejectedRecord, error) {
	return readRows(ctx, s, "list rejected records", scanRejected, rejectedSQL, f.TenantID, f.Entity, f.Run, optional(f.Before), limit)
}

func scanRejected(row pgx.CollectableRow) (r ledger.RejectedRecord, err error) {
	var table string
	err = row.Scan(&r.Run, &r.TenantID, &table, &r.RecordID, &r.Reason, &r.Bytes, &r.At)
	r.Entity = entityName(table)
	return r, err
}

// RejectedCounts counts the records that were rejected since a time, by tenant and entity.
func (s *Store) RejectedCounts(ctx context.Context, since time.Time) ([]ledger.RejectedCount, error) {
	return readRows(ctx, s, "count rejected records", scanRejectedCount, `
		select tenant_id, table_name, count(*), max(run_number), max(rejected_at)
		from raw.rejected_records where rejected_at > $1 group by 1, 2 order by 1, 2`, since)
}

func scanRejectedCount(row pgx.CollectableRow) (c ledger.RejectedCount, err error) {
	var table string
	err = row.Scan(&c.TenantID, &table, &c.Records, &c.Run, &c.Latest)
	c.Entity = entityName(table)
	return c, err
}
