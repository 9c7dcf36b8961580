package store

import (
	"context"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// unstartedSQL finds the tenants with requests that no run has claimed one after the other in an index,
// and of each the first one: thousands may wait during a pause.
const unstartedSQL = `
	with recursive tenants as (
		(select tenant_id from raw.sync_requests where run_number is null order by tenant_id limit 1)
		union all
		select (select q.tenant_id from raw.sync_requests q where q.run_number is null and q.tenant_id > t.tenant_id order by q.tenant_id limit 1)
		from tenants t where t.tenant_id is not null)
	select ` + requestColumns + ` from (
		select * from raw.sync_requests q
		where state = 'received' and (source = $3 and received_at <= clock_timestamp() or received_at < clock_timestamp() - $1::interval
			and not exists (select from raw.sync_runs r where r.run_number = q.run_number and starts_with(r.first_run_id, $4)))
		union all
		select q.* from tenants t cross join lateral (
			select * from raw.sync_requests q
			where q.tenant_id = t.tenant_id and q.run_number is null and q.mode = $2 and q.state = 'accepted'
				and q.received_at < clock_timestamp() - $1::interval` + orderByReceived + ` limit 1) q) q` + orderByReceived

// Unstarted lists requests older than an age that Temporal may not know: received and never accepted,
// and of each tenant the first incremental one that is accepted and not claimed by a run. One is enough to
// start the workflow that claims all. A request that a run claimed before it was accepted is listed, too,
// because nothing has answered it; one that was finalized because Temporal rejects it is not. A second
// pass, which nothing else starts, is listed as soon as it is due.
func (s *Store) Unstarted(ctx context.Context, olderThan time.Duration) ([]ledger.Request, error) {
	return readRows(ctx, s, "list unstarted requests", scanRequest, unstartedSQL, olderThan, events.Incremental, ledger.SecondPassSource, ledger.UnstartedPrefix)
}

// AcceptedWithoutRun lists full and rebuild requests older than an age that are accepted and have no
// run: their workflow waits for a worker, or has closed before a worker ran it.
func (s *Store) AcceptedWithoutRun(ctx context.Context, olderThan time.Duration) ([]ledger.Request, error) {
	return s.listRequests(ctx, "list requests without a run", `
		where q.received_at < clock_timestamp() - $1::interval
		and q.state = 'accepted' and q.mode <> $2 and q.run_number is null`+orderByReceived, olderThan, events.Incremental)
}
