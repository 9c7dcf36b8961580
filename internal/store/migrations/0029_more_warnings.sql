-- A position keeps few of its warnings and counts the others: an outcome must fit an event.

-- +goose Up
alter table raw.sync_cursors
    add column more_warnings bigint not null default 0;
comment on column raw.sync_cursors.more_warnings is 'Number of warnings that are not kept in warnings.';
