package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// CallSpans returns the API calls with which runs read pages since a time, and the rate budgets of
// all tenants.
func (s *Store) CallSpans(ctx context.Context, since time.Time) (spans []ledger.CallSpan, budgets []ledger.CallBudget, err error) {
	err = s.read(ctx, "read API calls", func(q ddl.Querier) error {
		if spans, err = pgx.CollectRows(query(ctx, q, callSpansSQL, since), scanCallSpan); err != nil {
			return err
		}
		budgets, err = pgx.CollectRows(query(ctx, q, callBudgetsSQL, recoveryPerSecond), scanCallBudget)
		return err
	})
	return spans, budgets, err
}

const callSpansSQL = `
	select r.tenant_id, c.started_at, c.updated_at, c.pages
	from raw.sync_runs r join raw.sync_cursors c on c.run_number = r.run_number
	where (r.finished_at is null or r.finished_at > $1) and c.updated_at > $1 and c.pages > 0`

func scanCallSpan(row pgx.CollectableRow) (c ledger.CallSpan, err error) {
	err = row.Scan(&c.TenantID, &c.From, &c.To, &c.Calls)
	return c, err
}

const callBudgetsSQL = `
	select tenant_id, least(1, share + $1 * greatest(0, extract(epoch from clock_timestamp() - slowed_at)))::float8, slowed_at
	from raw.call_budgets order by tenant_id`

func scanCallBudget(row pgx.CollectableRow) (b ledger.CallBudget, err error) {
	err = row.Scan(&b.TenantID, &b.Share, &b.SlowedAt)
	if b.Share >= 1 {
		b.SlowedAt = time.Time{}
	}
	return b, err
}
