-- The fields of the records of each table, so that those that ServiceTitan adds are noticed.

-- +goose Up
create table raw.sync_fields (
    tenant_id     bigint      not null,
    table_name    text        not null,
    field         text        not null,
    is_new        boolean     not null,
    first_seen_at timestamptz not null default clock_timestamp(),
    run_number    bigint      not null,
    primary key (tenant_id, table_name, field)
);
comment on table raw.sync_fields is 'Fields that records of each table have had, by name, without values.';
comment on column raw.sync_fields.field is 'Path in the record, with dots; * means names that are not kept.';
comment on column raw.sync_fields.is_new is 'Whether the field was first seen after raw.sync_state.fields_known_since.';
comment on column raw.sync_fields.run_number is 'The run that saw it first.';

alter table raw.sync_state add column fields_known_since timestamptz;
comment on column raw.sync_state.fields_known_since is 'When the first complete read of the table had seen its fields: later ones are new.';
