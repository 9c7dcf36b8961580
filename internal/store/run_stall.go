package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Stall returns what a failing entity delays in a run.
func (s *Store) Stall(ctx context.Context, target ledger.Target) (h ledger.Stall, err error) {
	run, name := target.Run.Number, target.Entity.Name
	err = s.read(ctx, fmt.Sprintf("read what %s delays in run %d", name, run), func(q ddl.Querier) error {
		var seconds float64
		if err := q.QueryRow(ctx, `
			select coalesce(extract(epoch from clock_timestamp() - max(c.updated_at)), 0)::float8,
				exists (select from raw.sync_requests w where w.tenant_id = $2 and w.mode = 'incremental' and w.run_number is null
					and (w.source <> $4 or w.received_at <= clock_timestamp()) and not w.entities <@ array[$3::text])
				and exists (select from raw.sync_runs r where r.run_number = $1 and r.mode = 'incremental')
			from raw.sync_cursors c where c.run_number = $1`, run, target.TenantID, name, ledger.SecondPassSource).Scan(&seconds, &h.BlocksOthers); err != nil {
			return err
		}
		h.Idle = time.Duration(seconds * float64(time.Second))
		h.ProbeEntities, err = pgx.CollectRows(query(ctx, q, `
			select name from (
				select replace(table_name, 'raw.st_', '') as name, greatest(last_full_sync, last_incremental_sync) as read_at
				from raw.sync_state where tenant_id = $2 and table_name like 'raw.st\_%' and greatest(last_full_sync, last_incremental_sync) is not null
				union all
				select name, null from raw.sync_runs r, unnest(r.entities) name
				where r.run_number = $1 and not exists (
					select from raw.sync_cursors c where c.run_number = $1 and c.table_name = 'raw.st_' || name)
			) as other
			where name <> $3 and not exists (
				select from raw.sync_cursors c where c.run_number = $1 and c.table_name = 'raw.st_' || name and c.status in ('', 'failed'))
			order by read_at desc nulls last, name limit 5`, run, target.TenantID, name), pgx.RowTo[string])
		return err
	})
	return h, err
}
