-- Detection of a restored ledger, Temporal or NATS.

-- +goose Up
alter table raw.sync_requests
    add column message text not null default '';
comment on column raw.sync_requests.message is 'Message of the request: stream, sequence and stored time in ns. A redelivery of it is no duplicate.';

alter table raw.sync_controls
    add column applied_workflow_id text not null default '',
    add column applied_run_id      text not null default '',
    add column answered_at         timestamptz;
comment on column raw.sync_controls.applied_workflow_id is 'Workflow to which the control was applied: part of its answer.';
comment on column raw.sync_controls.answered_at is 'When the answer was published; NULL if it is not known to be.';
update raw.sync_controls set answered_at = settled_at where state <> 'pending';
create index sync_controls_unanswered on raw.sync_controls (sequence) where answered_at is null;

create table raw.temporal_namespace (
    id           text        primary key,
    name         text        not null,
    accepted_at  timestamptz not null default clock_timestamp()
);
create unique index temporal_namespace_one on raw.temporal_namespace ((true));
comment on table raw.temporal_namespace is 'The Temporal namespace whose workflows the ledger describes. Where Temporal answers with another id, no run is finalized.';

create table raw.sync_restores (
    found_at   timestamptz not null default clock_timestamp(),
    part       text        not null,
    detail     text        not null,
    primary key (part, detail)
);
comment on table raw.sync_restores is 'Signs that PostgreSQL, NATS or Temporal was restored to an earlier state, and what was done.';

-- Makes the next run number higher than at_least. Returns the last run number before, or null if
-- there was nothing to do. It runs as the owner of the sequence, which the roles may not set. The
-- lock keeps runs, which take the next number, from being inserted meanwhile.
-- +goose StatementBegin
create function raw.raise_run_numbers(at_least bigint) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    numbers regclass := pg_get_serial_sequence('raw.sync_runs', 'run_number');
    given   bigint := coalesce(pg_sequence_last_value(numbers), 0);
begin
    if given >= at_least then
        return null;
    end if;
    lock table raw.sync_runs in share row exclusive mode;
    given := coalesce(pg_sequence_last_value(numbers), 0);
    if given >= at_least then
        return null;
    end if;
    perform setval(numbers, at_least + 100); -- runs that began together publish in any order
    return given;
end
$$;
-- +goose StatementEnd
