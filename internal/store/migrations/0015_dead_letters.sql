-- What operators did with dead letters. The dead letters themselves are in the stream SYNC_DEADLETTER.

-- +goose Up
create table raw.sync_dead_letters (
    sequence          bigint      not null,
    rejected_at       timestamptz not null,
    dismissed_at      timestamptz,
    dismissed_by      text        not null default '',
    dismiss_reason    text        not null default '',
    replayed_at       timestamptz,
    replayed_by       text        not null default '',
    replayed_stream   text        not null default '',
    replayed_sequence bigint      not null default 0,
    primary key (sequence, rejected_at)
);
comment on table raw.sync_dead_letters is 'Dead letters of the stream SYNC_DEADLETTER that were dismissed or replayed. A dead letter without a row is open.';
comment on column raw.sync_dead_letters.rejected_at is 'When the stream stored the dead letter. A stream that is recreated assigns the same sequences again.';
comment on column raw.sync_dead_letters.replayed_stream is 'Stream and sequence of the message that the latest replay published.';
