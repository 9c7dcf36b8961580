-- Adoption of the tables of the legacy worker.

-- +goose Up
alter table raw.sync_state add column adopted_at timestamptz;
comment on column raw.sync_state.adopted_at is 'When the table was adopted from the legacy worker.';

-- A time before 1900 is the API's value of a time that was never set.
create function raw.modified_on(record jsonb) returns timestamptz language sql stable as $$
    select t from raw.to_timestamptz(record -> 'modifiedOn') as t where t >= '1900-01-01Z'
$$;
