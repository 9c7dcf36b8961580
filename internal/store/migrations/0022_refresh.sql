-- Refreshes: incremental requests that read chosen records of one entity.

-- +goose Up
alter table raw.sync_requests
    add column ids   text[],
    add column since timestamptz;
comment on column raw.sync_requests.ids is 'Of a refresh: the ids of the records to read.';
comment on column raw.sync_requests.since is 'Of a refresh: reads the records that changed since then.';

alter table raw.sync_runs
    add column refresh boolean not null default false;
comment on column raw.sync_runs.refresh is 'The run reads what its requests name by ids or since, and moves no resume point.';

create table raw.sync_refresh_ids (
    run_number bigint not null references raw.sync_runs on delete cascade,
    table_name text   not null,
    st_id      text   not null,
    found      boolean,
    primary key (run_number, table_name, st_id)
);
create index sync_refresh_ids_left on raw.sync_refresh_ids (run_number, table_name, st_id) where found is null;
comment on table raw.sync_refresh_ids is 'Ids that an open refresh looks up. Finalizing the run deletes them.';
comment on column raw.sync_refresh_ids.found is 'Whether ServiceTitan returned the record; null until it was looked up.';
