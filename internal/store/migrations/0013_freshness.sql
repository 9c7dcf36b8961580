-- How old the data of each table are, how old they may be, and the outages of which consumers were
-- informed.

-- +goose Up
alter table raw.sync_state add column read_as_of timestamptz;
comment on column raw.sync_state.read_as_of is 'ServiceTitan''s clock at the start of the last complete full or incremental read.';

create table raw.sync_targets (
    tenant_id      bigint not null,
    entity         text   not null,
    target_seconds bigint not null check (target_seconds > 0),
    primary key (tenant_id, entity)
);
comment on table raw.sync_targets is 'Largest age that each entity may have, from SYNC_FRESHNESS of the bridge. An entity without a row is not evaluated.';

create table raw.sync_outages (
    outage_id          text        primary key,
    tenant_id          bigint      not null,
    entities           jsonb       not null,
    since              timestamptz not null,
    cause              text        not null default '',
    opened_at          timestamptz not null default clock_timestamp(),
    stale_published_at timestamptz,
    closed_at          timestamptz,
    fresh_entities     jsonb,
    fresh_published_at timestamptz
);
comment on table raw.sync_outages is 'Times in which entities were stale: each begins with one sync.stale and ends with one sync.fresh.';
create index sync_outages_open on raw.sync_outages (tenant_id) where closed_at is null or fresh_published_at is null;
