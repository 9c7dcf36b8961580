-- Since when an entity has a target: one that was never read is as old as its target.

-- +goose Up
alter table raw.sync_targets add column since timestamptz not null default clock_timestamp();
comment on column raw.sync_targets.since is 'Since when the entity is evaluated. Until it was read completely, its age counts from then.';
