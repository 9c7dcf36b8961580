-- The time zone of each tenant, for the local times in the views of schema st.

-- +goose Up
create table raw.sync_time_zones (
    tenant_id bigint primary key,
    time_zone text   not null
);
comment on table raw.sync_time_zones is 'Time zone of each tenant, as SYNC_TIMEZONE was at the last lazisync migrate.';
