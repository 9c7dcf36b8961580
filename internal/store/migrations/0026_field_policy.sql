-- SYNC_FIELDS: under which field policy the rows of each table were stored.

-- +goose Up
-- Rows that exist now are those of tables without a policy.
alter table raw.sync_state add column field_policy text default '';
alter table raw.sync_state alter column field_policy drop default;
update raw.sync_state set field_policy = null where records_count = 0; -- the first page looks for rows
comment on column raw.sync_state.field_policy is 'Digest of the field policy of all rows: empty for none, mixed for several, null while there are no rows.';

alter table raw.sync_cursors
    add column field_policy text;
comment on column raw.sync_cursors.field_policy is 'Of a rebuild: digest of the field policy of its staging table, mixed for several.';
