-- Validates the constraints of the mode verify, which blocks no writer.

-- +goose Up
alter table raw.sync_cursors validate constraint sync_cursors_phase_check;
alter table raw.sync_runs validate constraint sync_runs_mode_check;
alter table raw.sync_requests validate constraint sync_requests_mode_check;
