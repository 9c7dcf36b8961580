package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// listRequestsSQL selects requests by the fields of a ledger.RequestFilter and a limit.
const listRequestsSQL = `
	select request_id from raw.sync_requests
	where ($1::bigint is null or tenant_id = $1)
		and ($2::text = '' or mode = $2)
		and ($3::text = '' or state = $3)
		and ($4::timestamptz is null or received_at >= $4)
		and ($5::text = '' or (received_at, request_id) < (select received_at, request_id from raw.sync_requests where request_id = $5))
	order by received_at desc, request_id desc limit $6`

// ListRequests lists the requests that the filter selects, at most limit, newest first. The ID of
// the last one is the cursor of the next page. It fails with ledger.ErrUnknown if the request of the
// cursor does not exist.
func (s *Store) ListRequests(ctx context.Context, f ledger.RequestFilter, limit int) (found []ledger.Receipt, err error) {
	err = s.read(ctx, "list requests", func(q ddl.Querier) error {
		found = nil
		if f.Before != "" {
			known, err := readReceipts(ctx, q, []string{text(f.Before)})
			if err != nil {
				return err
			}
			if len(known) == 0 {
				return ledger.ErrUnknown
			}
		}
		ids, err := pgx.CollectRows(query(ctx, q, listRequestsSQL, f.TenantID, string(f.Mode), string(f.State), optional(f.Since), text(f.Before), limit), pgx.RowTo[string])
		if err != nil {
			return err
		}
		receipts, err := readReceipts(ctx, q, ids)
		for _, id := range ids {
			found = append(found, receipts[id])
		}
		return err
	})
	return found, err
}
