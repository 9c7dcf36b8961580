-- The gateway of deploy/postgres/databases.sh records what operators do with dead letters.

-- +goose Up
-- +goose StatementBegin
do $$ begin
    if exists (select from pg_roles where rolname = 'lazisync_gateway') then
        grant insert, update on raw.sync_dead_letters to lazisync_gateway;
    end if;
end $$;
-- +goose StatementEnd
