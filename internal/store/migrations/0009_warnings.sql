-- What people should know of a run, though nothing failed.

-- +goose Up
alter table raw.sync_cursors
    add column warnings text[] not null default '{}';
comment on column raw.sync_cursors.warnings is 'What people should know of the reading, though nothing failed.';
