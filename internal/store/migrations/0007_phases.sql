-- What follows the last page: missing rows are looked up, a rebuild is checked and applied.

-- +goose Up
alter table raw.sync_cursors
    add column phase text not null default 'reading' check (phase in ('reading', 'sweeping', 'checking', 'applying'));
comment on column raw.sync_cursors.phase is 'What is being done, or was last.';
comment on column raw.sync_cursors.seen is 'Distinct ids that the run has put into raw.sync_seen, or rows of a rebuild''s side table.';

alter table raw.sync_missed
    add column absent_at timestamptz;
comment on column raw.sync_missed.absent_at is 'When ServiceTitan was asked for the row by its id and did not have it.';
