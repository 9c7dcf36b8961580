-- The state of every table and the cursors of every run.

-- +goose Up
-- It may exist: the adoption changes the table of the legacy worker to this form.
create table if not exists raw.sync_state (
    tenant_id             bigint      not null,
    table_name            text        not null,
    last_full_sync        timestamptz,
    last_incremental_sync timestamptz,
    records_count         bigint      not null default 0,
    sync_status           text        not null default '',
    resume_token          text        not null default '',
    resume_since          timestamptz,
    resume_version        bigint      not null default 0,
    updated_at            timestamptz not null default clock_timestamp(),
    primary key (tenant_id, table_name)
);
comment on table raw.sync_state is 'Freshness of each table, and the resume point of its next incremental.';
comment on column raw.sync_state.records_count is 'Live rows, updated with the counts of each page.';
comment on column raw.sync_state.resume_token is 'The export feed''s continueFrom.';
comment on column raw.sync_state.resume_since is 'The watermark: ServiceTitan''s clock before the first page of the run that set it.';
comment on column raw.sync_state.resume_version is 'Number of changes of the resume point.';

create table raw.sync_cursors (
    run_number     bigint      not null references raw.sync_runs on delete cascade,
    table_name     text        not null,
    cursor         jsonb       not null,
    version        bigint      not null default 0,
    pages          bigint      not null default 0,
    fetched        bigint      not null default 0,
    inserted       bigint      not null default 0,
    updated        bigint      not null default 0,
    unchanged      bigint      not null default 0,
    deleted        bigint      not null default 0,
    rejected       bigint      not null default 0,
    total          bigint      not null default -1,
    status         text        not null default '' check (status in ('', 'completed', 'failed', 'skipped', 'cancelled')),
    skipped_reason text        not null default '',
    error          jsonb,
    base_version   bigint      not null default 0,
    watermark      timestamptz,
    started_at     timestamptz not null default clock_timestamp(),
    updated_at     timestamptz not null default clock_timestamp(),
    primary key (run_number, table_name)
);
comment on table raw.sync_cursors is 'Cursor of a run in a table. It moves in the transaction that stores the rows before it.';
comment on column raw.sync_cursors.version is 'Fencing token: a page is stored only with the current version.';
comment on column raw.sync_cursors.base_version is 'resume_version of the table when the run opened it.';
comment on column raw.sync_cursors.watermark is 'ServiceTitan''s clock when it answered the first page.';
create index sync_cursors_unfinished on raw.sync_cursors (table_name) where status = '';

create table raw.rejected_records (
    run_number  bigint      not null,
    tenant_id   bigint      not null,
    table_name  text        not null,
    st_id       text        not null default '',
    reason      text        not null,
    bytes       bytea       not null,
    rejected_at timestamptz not null default clock_timestamp()
);
comment on table raw.rejected_records is 'Records that could not be stored, with the reason and the bytes as received.';
create index rejected_records_run on raw.rejected_records (run_number, table_name);
create index rejected_records_age on raw.rejected_records (rejected_at);
