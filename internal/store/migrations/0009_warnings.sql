-- Problems of a run that are not failures.

-- +goose Up
alter table raw.sync_cursors
    add column warnings text[] not null default '{}';
comment on column raw.sync_cursors.warnings is 'Problems while reading that are not failures.';
