-- The changes of rows, which runs record if SYNC_CHANGES is on.

-- +goose Up
create table raw.changes (
    run_number     bigint      not null,
    number         bigint      not null generated always as identity,
    tenant_id      bigint      not null,
    changed_at     timestamptz not null,
    table_name     text        not null,
    st_id          text,
    op             text        not null check (op in ('insert', 'update', 'delete', 'revive', 'load')),
    changed_fields text[]      not null default '{}',
    primary key (run_number, table_name, number),
    check ((st_id is null) = (op = 'load'))
);
-- A day of thirty is deleted at once: its space is used again the day after.
alter table raw.changes set (autovacuum_vacuum_scale_factor = 0.02);
comment on table raw.changes is 'What runs changed in the tables of records, one row per change, with SYNC_CHANGES=on.';
comment on column raw.changes.number is 'Orders the changes of a run in a table.';
comment on column raw.changes.st_id is 'The row that changed; null for a load.';
comment on column raw.changes.op is 'insert, update, delete or revive. load: the run began a first full read of the table, whose rows are not listed.';
comment on column raw.changes.changed_fields is 'Top-level fields of full_data that an update, delete or revive changed, sorted; empty for an insert.';

alter table raw.sync_cursors
    add column changes bigint,
    add column loads   boolean not null default false;
comment on column raw.sync_cursors.changes is 'Rows of the run and table in raw.changes; null unless it has every change.';
comment on column raw.sync_cursors.loads is 'A first full read, whose rows raw.changes does not list.';

-- Each table of records has two triggers with this function while SYNC_CHANGES is on. A run declares
-- itself in the setting lazisync.changes of its transactions: with its number, or with load. Other
-- programs declare nothing, and their changes are not recorded. Workers of earlier versions declare
-- nothing either; a run that has one loses its count, because raw.changes does not have all of its changes.
--
-- The transition tables have no statistics: without the setting enable_nestloop, PostgreSQL may compare
-- each of their rows with each other. A document is decompressed once, for all its fields.
-- +goose StatementBegin
create function raw.record_changes() returns trigger language plpgsql set enable_nestloop = off as $$
declare
    declared text        := coalesce(current_setting('lazisync.changes', true), '');
    target   text        := tg_table_schema || '.' || tg_table_name;
    moment   timestamptz := clock_timestamp();
    recorded bigint;
begin
    if declared = 'load' then
        return null;
    elsif declared = '' then
        if not has_table_privilege('raw.sync_cursors', 'update') then
            return null;
        elsif tg_op = 'INSERT' then
            update raw.sync_cursors c set changes = null
            where c.table_name = target and c.status = '' and c.changes is not null
                and c.run_number in (select run_number from new_rows);
        else
            update raw.sync_cursors c set changes = null
            where c.table_name = target and c.status = '' and c.changes is not null
                and c.run_number in (select run_number from new_rows except select run_number from old_rows);
        end if;
        return null;
    elsif tg_op = 'INSERT' then
        insert into raw.changes (run_number, tenant_id, changed_at, table_name, st_id, op)
        select declared::bigint, tenant_id, moment, target, st_id::text, case when deleted_at is null then 'insert' else 'delete' end
        from new_rows;
    else
        insert into raw.changes (run_number, tenant_id, changed_at, table_name, st_id, op, changed_fields)
        select declared::bigint, tenant_id, moment, target, st_id, op, array(
            select key collate "C" from jsonb_each(new_data) where old_data -> key is distinct from value
            union all
            select key from jsonb_object_keys(old_data) as key where not new_data ? key
            order by 1)
        from (
            select n.tenant_id, n.st_id::text as st_id,
                case when n.deleted_at is not null then 'delete' when o.deleted_at is not null then 'revive' else 'update' end as op,
                case jsonb_typeof(o.full_data) when 'object' then o.full_data || '{}' else '{}' end as old_data,
                case jsonb_typeof(n.full_data) when 'object' then n.full_data || '{}' else '{}' end as new_data
            from old_rows o join new_rows n on n.tenant_id = o.tenant_id and n.st_id = o.st_id
            -- Otherwise the run only set the fingerprint of the row.
            where n.run_number <> o.run_number or n.deleted_at is distinct from o.deleted_at or n.full_data is distinct from o.full_data
            offset 0) changed;
    end if;
    get diagnostics recorded = row_count;
    if recorded > 0 then
        update raw.sync_cursors c set changes = c.changes + recorded
        where c.run_number = declared::bigint and c.table_name = target;
    end if;
    return null;
end
$$;
-- +goose StatementEnd
