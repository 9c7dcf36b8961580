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
	with waiting as (
		select q.*, pass.run_number as pass, pass.paused_at, pass.paused_by, pass.pause_reason, early.next_pass_at,
			case
				when q.source = $2 and q.received_at > clock_timestamp() then 'secondPass'
				when pass.paused_at is not null then 'paused'
				when pass.run_number is not null then 'busy'
				when q.state = 'received' then 'temporal'
				when early.next_pass_at is not null then 'interval'
				else 'worker'
			end as why
		from raw.sync_requests q
		left join lateral (
			select r.run_number, r.paused_at, r.paused_by, r.pause_reason from raw.sync_runs r
			where q.mode = 'incremental' and r.mode = 'incremental' and r.tenant_id = q.tenant_id and r.state = 'running'
			order by r.run_number limit 1) pass on true
		left join lateral (
			select r.next_pass_at from raw.sync_runs r
			where q.mode = 'incremental' and r.tenant_id = q.tenant_id and r.next_pass_at > clock_timestamp()
			order by r.next_pass_at desc limit 1) early on true
		where q.run_number is null and ($1::bigint is null or q.tenant_id = $1)),
	grouped as (
		select why, min(pass) as pass, count(*) as requests, (array_agg(request_id order by received_at, request_id))[1] as first
		from waiting group by why, tenant_id, mode, case when mode <> 'incremental' then request_id end)
	select q.tenant_id, q.mode, q.workflow_id, q.request_id, g.requests, array(
			select distinct name from waiting w, unnest(w.entities) name
			where w.why = g.why and w.mode = q.mode and w.tenant_id = q.tenant_id and (w.mode = 'incremental' or w.request_id = q.request_id)),
		q.source, q.reason, g.why, q.received_at, coalesce(g.pass, 0), q.paused_at, coalesce(q.paused_by, ''), coalesce(q.pause_reason, ''), q.next_pass_at
	from grouped g join waiting q on q.request_id = g.first
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
