-- A control that ended its workflow is not answered as too late when its message is redelivered.

-- +goose Up
alter table raw.sync_controls
    add column signalled_at timestamptz;
comment on column raw.sync_controls.signalled_at is 'When its signal was first sent: a workflow may have received it.';
