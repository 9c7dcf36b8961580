package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// gaugesSQL reads all gauges but the freshness at once, as rows of kind, tenant, two labels and a
// value. Entities without rejected records have 0, because an alert compares with an earlier value.
const gaugesSQL = `
	select 'open', tenant_id, mode, case when paused_at is null then 'running' else 'paused' end, count(*)::float8
	from raw.sync_runs where state = 'running' group by 2, 3, 4
	union all
	select 'rejected', tenant_id, table_name, '', sum(rejected)::float8
	from (
		select tenant_id, table_name, 0 as rejected from raw.sync_state
		union all
		select tenant_id, table_name, 1 from raw.rejected_records
	) counted group by tenant_id, table_name
	union all
	select 'size', 0, '', '', pg_database_size(current_database())::float8`

// Gauges reads the values of the ledger that change with time.
func (s *Store) Gauges(ctx context.Context) (g ledger.Gauges, err error) {
	err = s.read(ctx, "read gauges", func(q ddl.Querier) error {
		facts, err := readTimes(ctx, q)
		if err != nil {
			return err
		}
		g = ledger.Gauges{
			OpenRuns: map[ledger.OpenRuns]int64{}, Freshness: ledger.EvaluateFreshness(facts), RejectedRecords: map[ledger.TenantEntity]int64{},
		}
		rows := query(ctx, q, gaugesSQL)
		var kind, first, second string
		var tenant events.TenantID
		var value float64
		_, err = pgx.ForEachRow(rows, []any{&kind, &tenant, &first, &second, &value}, func() error {
			of := ledger.TenantEntity{TenantID: tenant, Entity: entityName(first)}
			switch kind {
			case "open":
				g.OpenRuns[ledger.OpenRuns{TenantID: of.TenantID, Mode: events.Mode(first), State: ledger.RunState(second)}] = int64(value)
			case "rejected":
				g.RejectedRecords[of] = int64(value)
			case "size":
				g.DatabaseBytes = int64(value)
			}
			return nil
		})
		return err
	})
	return g, err
}
