-- The definitions of the typed columns of each table.

-- +goose Up
create table raw.sync_columns (
    table_name  text   primary key,
    definitions text[] not null,
    filled_by   text   not null default ''
);
comment on table raw.sync_columns is 'Definitions of the typed columns of each table, which its trigger applies.';
comment on column raw.sync_columns.definitions is 'One per column: name, type and path in full_data.';
comment on column raw.sync_columns.filled_by is 'Fingerprint of the casts that filled every row; empty until all rows are filled.';
