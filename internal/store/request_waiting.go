package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// waitingSQL groups the requests of tenant $1, or of all, that no run serves: an incremental with
// those of its tenant that wait for the same thing, any other one alone. $2 is the source of
// second passes.
const waitingSQL = `
	with tenants as (
		select t.tenant_id, pass.*, early.*
		from (select distinct tenant_id from raw.sync_requests where run_number is null and ($1::bigint is null or tenant_id = $1)) t
		left join lateral (
			select r.run_number as pass, r.paused_at, r.paused_by, r.pause_reason from raw.sync_runs r
			where r.mode = 'incremental' and r.tenant_id = t.tenant_id and r.state = 'running'
			order by r.run_number limit 1) pass on true
		left join lateral (
			select r.next_pass_at from raw.sync_runs r
			where r.tenant_id = t.tenant_id and r.next_pass_at > clock_timestamp()
			order by r.next_pass_at desc limit 1) early on true),
	waiting as (
		select q.tenant_id, q.mode, case when q.mode = 'incremental' then '' else q.request_id end as alone, q.request_id, q.received_at, q.entities,
			case
				when q.source = $2 and q.received_at > clock_timestamp() then 'secondPass'
				when q.mode = 'incremental' and t.paused_at is not null then 'paused'
				when q.mode = 'incremental' and t.pass is not null then 'busy'
				when q.state = 'received' then 'temporal'
				when q.mode = 'incremental' and t.next_pass_at is not null then 'interval'
				else 'worker'
			end as why
		from raw.sync_requests q join tenants t using (tenant_id)
		where q.run_number is null),
	grouped as (
		select tenant_id, mode, alone, why, count(*) as requests, (array_agg(request_id order by received_at, request_id))[1] as first
		from waiting group by tenant_id, mode, alone, why),
	named as (
		select tenant_id, mode, alone, why, array_agg(name) as entities
		from (select distinct tenant_id, mode, alone, why, unnest(entities) as name from waiting) w
		group by tenant_id, mode, alone, why)
	select q.tenant_id, q.mode, q.workflow_id, q.request_id, g.requests, coalesce(n.entities, '{}'), q.source, q.reason, g.why, q.received_at,
		coalesce(t.pass, 0), t.paused_at, coalesce(t.paused_by, ''), coalesce(t.pause_reason, ''), t.next_pass_at
	from grouped g
	join raw.sync_requests q on q.request_id = g.first
	left join tenants t on t.tenant_id = q.tenant_id and q.mode = 'incremental'
	left join named n on (n.tenant_id, n.mode, n.alone, n.why) = (g.tenant_id, g.mode, g.alone, g.why)
	order by q.received_at, q.request_id`

// Waiting lists the requests that no run serves yet, of one tenant or, for "", of all, those that
// wait longest first.
func (s *Store) Waiting(ctx context.Context, tenant events.TenantID) ([]ledger.Waiting, error) {
	return readRows(ctx, s, "list waiting requests", scanWaiting, waitingSQL, tenant, ledger.SecondPassSource)
}

func scanWaiting(row pgx.CollectableRow) (ledger.Waiting, error) {
	var w ledger.Waiting
	var pause ledger.Pause
	var paused, next *time.Time
	err := row.Scan(&w.TenantID, &w.Mode, &w.WorkflowID, &w.RequestID, &w.Requests, &w.Entities, &w.RequestedBy.Source, &w.RequestedBy.Reason,
		&w.Why, &w.Since, &w.Run, &paused, &pause.Actor, &pause.Reason, &next)
	w.Entities, w.RequestedBy.At = inCatalogueOrder(w.Entities), w.Since
	switch {
	case w.Why == ledger.WaitForDelay:
		w.Since, w.Due, w.RequestedBy.At = time.Time{}, w.Since, time.Time{}
	case w.Why == ledger.WaitForInterval && next != nil:
		w.Due = *next
	case paused != nil:
		pause.Since = *paused
		w.Pause = &pause
	}
	return w, err
}
