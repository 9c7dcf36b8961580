package store

import (
	"context"

	"github.com/lazi/lazisync/internal/ledger"
)

// findRunsSQL selects runs by the fields of a ledger.RunFilter and a limit.
const findRunsSQL = `
	where ($1::bigint is null or r.tenant_id = $1)
		and ($2::text = '' or case when r.state = 'running' and r.paused_at is not null then 'paused' else r.state end = $2)
		and ($3::text = '' or r.mode = $3)
		and ($4::text = '' or $4 = any(r.entities))
		and ($5::timestamptz is null or r.started_at >= $5)
		and ($6::bigint = 0 or r.run_number < $6)
	order by r.run_number desc limit $7`

// FindRuns lists the runs that the filter selects, at most limit, newest first, without their
// requests. The number of the last one is the cursor of the next page.
func (s *Store) FindRuns(ctx context.Context, f ledger.RunFilter, limit int) ([]ledger.Run, error) {
	return s.listRuns(ctx, "find runs", findRunsSQL, f.TenantID, string(f.State), string(f.Mode), f.Entity, optional(f.Since), f.Before, limit)
}
