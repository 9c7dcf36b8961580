-- SYNC_MIN_INTERVAL: when the next incremental pass of a tenant may begin.

-- +goose Up
alter table raw.sync_runs
    add column next_pass_at timestamptz;
comment on column raw.sync_runs.next_pass_at is 'No incremental pass of the tenant begins before. Set when requests have to wait for SYNC_MIN_INTERVAL after this pass.';
create index sync_runs_next_pass on raw.sync_runs (tenant_id, next_pass_at) where next_pass_at is not null;
