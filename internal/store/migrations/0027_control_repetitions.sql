-- A redelivered repetition of a control is not taken for a replay of it.

-- +goose Up
alter table raw.sync_controls add column repeated_sequence bigint;
comment on column raw.sync_controls.repeated_sequence is 'Sequence of the last message that repeated the control before it was rejected and answered.';
