-- Phases after the last page: missing rows are looked up, a rebuild is checked and applied.

-- +goose Up
alter table raw.sync_cursors
    add column phase text not null default 'reading' check (phase in ('reading', 'sweeping', 'checking', 'applying'));
comment on column raw.sync_cursors.phase is 'Current or last phase.';
comment on column raw.sync_cursors.seen is 'Distinct ids that the run has put into raw.sync_seen, or rows of the staging table of a rebuild.';

alter table raw.sync_missed
    add column absent_at timestamptz;
comment on column raw.sync_missed.absent_at is 'When a lookup by id showed that ServiceTitan does not have the row.';
