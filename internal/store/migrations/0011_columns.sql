-- Which definitions the typed columns of each table follow.

-- +goose Up
create table raw.sync_columns (
    table_name  text   primary key,
    definitions text[] not null,
    filled_by   text   not null default ''
);
comment on table raw.sync_columns is 'The definitions of each table''s typed columns, as its trigger columns applies them.';
comment on column raw.sync_columns.definitions is 'One per column: name, type, and its path in full_data.';
comment on column raw.sync_columns.filled_by is 'Fingerprint of the casts with which every row was filled; empty until all rows are.';
