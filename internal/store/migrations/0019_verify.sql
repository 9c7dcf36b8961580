-- The mode verify: it compares rows with ServiceTitan and reports the differences.

-- +goose Up
alter table raw.sync_cursors
    add column differences jsonb,
    drop constraint sync_cursors_phase_check,
    add constraint sync_cursors_phase_check check (phase in ('reading', 'sweeping', 'checking', 'applying', 'comparing')) not valid;
comment on column raw.sync_cursors.differences is 'Confirmed differences of a verify: missing, extra, stale, damaged, sample.';

alter table raw.sync_runs
    drop constraint sync_runs_mode_check,
    add constraint sync_runs_mode_check check (mode in ('full', 'incremental', 'rebuild', 'verify')) not valid;
alter table raw.sync_requests
    drop constraint sync_requests_mode_check,
    add constraint sync_requests_mode_check check (mode in ('full', 'incremental', 'rebuild', 'verify')) not valid;
