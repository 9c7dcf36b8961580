-- The pause of an open run, and the runs with the state that they have now.
--
-- The column state stays 'running' during a pause: it fences writes, and builds that do not know
-- another value would take a paused run for a finished one.

-- +goose Up
alter table raw.sync_runs
    add column paused_at    timestamptz,
    add column paused_by    text    not null default '',
    add column pause_reason text    not null default '',
    add column pause_number integer not null default 0;
comment on column raw.sync_runs.state is 'running until the run has its outcome, also during a pause: see raw.sync_run_states.';
comment on column raw.sync_runs.paused_at is 'Since when the run is paused; NULL if it is not.';
comment on column raw.sync_runs.pause_number is 'Number of the last pause or resume that was recorded. A lower one is late and changes nothing.';

create view raw.sync_run_states as
select r.run_number, r.tenant_id, r.mode,
    case when r.state = 'running' and r.paused_at is not null then 'paused' else r.state end as state,
    r.entities, r.started_at, r.finished_at,
    case when r.state = 'running' then r.paused_at end as paused_at,
    case when r.state = 'running' then r.paused_by else '' end as paused_by,
    case when r.state = 'running' then r.pause_reason else '' end as pause_reason,
    coalesce(q.source, '') as requested_by,
    coalesce(q.reason, '') as request_reason,
    coalesce(q.requests, 0) as requests,
    r.error, r.reason, r.results, r.workflow_id
from raw.sync_runs r
left join lateral (
    select (array_agg(source order by received_at, request_id))[1] as source,
        (array_agg(reason order by received_at, request_id))[1] as reason,
        count(*) as requests
    from raw.sync_requests where run_number = r.run_number having count(*) > 0
) q on true;
comment on view raw.sync_run_states is 'Runs with their state now, which may be paused, and the first request that each serves.';
