-- The ledger: requests, runs and controls. These tables are authoritative; events and signals
-- only report and wake.

-- +goose Up
create table raw.sync_runs (
    run_number     bigint generated always as identity primary key,
    tenant_id      bigint      not null,
    mode           text        not null check (mode in ('full', 'incremental', 'rebuild')),
    workflow_id    text        not null,
    first_run_id   text        not null,
    pass           integer     not null,
    entities       text[]      not null,
    allow_deletes  boolean     not null default false,
    state          text        not null default 'running' check (state in ('running', 'completed', 'failed', 'cancelled')),
    started_at     timestamptz not null default clock_timestamp(),
    finished_at    timestamptz,
    error          jsonb,
    reason         text        not null default '',
    results        jsonb,
    published_at   timestamptz,
    withdrawn_from bigint,
    unique (workflow_id, first_run_id, pass),
    check ((state = 'running') = (finished_at is null))
);
comment on table raw.sync_runs is 'One row per run. Its state changes once, from running to an outcome.';
comment on column raw.sync_runs.withdrawn_from is 'Run of a withdrawn request only: the run that served the request before.';
create index sync_runs_undecided on raw.sync_runs (run_number) where state = 'running';
create index sync_runs_unpublished on raw.sync_runs (run_number) where state <> 'running' and published_at is null;
create index sync_runs_finished on raw.sync_runs (finished_at);

create table raw.sync_requests (
    request_id    text primary key,
    source        text        not null,
    event_id      text        not null,
    digest        text        not null,
    tenant_id     bigint      not null,
    mode          text        not null check (mode in ('full', 'incremental', 'rebuild')),
    entities      text[]      not null,
    notify        boolean,
    channel       text        not null default '',
    allow_deletes boolean     not null default false,
    reason        text        not null default '',
    traceparent   text        not null default '',
    state         text        not null default 'received' check (state in ('received', 'accepted')),
    workflow_id   text        not null,
    first_run_id  text        not null default '',
    run_number    bigint references raw.sync_runs,
    received_at   timestamptz not null default clock_timestamp()
);
comment on table raw.sync_requests is 'Every recorded sync.requested. run_number is the run that serves it.';
create index sync_requests_unclaimed on raw.sync_requests (tenant_id, received_at) where run_number is null;
create index sync_requests_received on raw.sync_requests (received_at) where state = 'received';
create index sync_requests_run on raw.sync_requests (run_number);
create index sync_requests_workflow on raw.sync_requests (workflow_id);
create index sync_requests_event on raw.sync_requests (event_id);

create table raw.sync_controls (
    control_id  text primary key,
    source      text        not null,
    event_id    text        not null,
    action      text        not null check (action in ('pause', 'resume', 'cancel')),
    workflow_id text        not null default '',
    target      text        not null default '',
    reason      text        not null default '',
    actor       text        not null default '',
    sequence    bigint      not null,
    message     bytea       not null,
    state       text        not null default 'pending' check (state in ('pending', 'applied', 'rejected')),
    rejection   jsonb,
    received_at timestamptz not null default clock_timestamp(),
    settled_at  timestamptz
);
comment on table raw.sync_controls is 'Every recorded sync.control. message is the event as received, as JSON.';
create index sync_controls_pending on raw.sync_controls (sequence) where state = 'pending';
create index sync_controls_settled on raw.sync_controls (settled_at);
