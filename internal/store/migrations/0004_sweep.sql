-- The ids that a full sync of a list has seen, and the rows that it has missed.

-- +goose Up
alter table raw.sync_cursors
    add column seen         bigint not null default 0,
    add column unidentified bigint not null default 0;
comment on column raw.sync_cursors.seen is 'Distinct ids that the run has put into raw.sync_seen.';
comment on column raw.sync_cursors.unidentified is 'Records without an id.';

-- Unlogged: after a crash it is empty, its count differs from that of the cursor, and nothing is
-- marked deleted.
create unlogged table raw.sync_seen (
    run_number bigint not null,
    table_name text   not null,
    st_id      text   not null,
    primary key (run_number, table_name, st_id)
);
comment on table raw.sync_seen is 'Ids that a full sync of a list has seen, stored or not.';

create table raw.sync_missed (
    tenant_id  bigint not null,
    table_name text   not null,
    st_id      text   not null,
    run_number bigint not null,
    primary key (tenant_id, table_name, st_id)
);
comment on table raw.sync_missed is 'Rows that the last complete full sync missed. The next one that misses them too marks them deleted.';
