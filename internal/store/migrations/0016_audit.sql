-- The actions that clients took over HTTP.

-- +goose Up
create table raw.sync_audit (
    number     bigint      generated always as identity primary key,
    audit_id   text        not null unique,
    at         timestamptz not null,
    actor      text        not null,
    role       text        not null,
    action     text        not null,
    target     text        not null,
    tenant_id  bigint,
    request_id text        not null,
    reason     text        not null,
    status     int         not null,
    problem    text        not null,
    remote     text        not null
);
create index sync_audit_at on raw.sync_audit (at);
comment on table raw.sync_audit is 'Actions over HTTP, accepted and refused. The gateway inserts rows, the bridge deletes old ones.';
comment on column raw.sync_audit.actor is 'Name of the API token; empty without tokens, or if the client is unknown.';
comment on column raw.sync_audit.problem is 'Code of the problem with which the action was refused; empty if it was accepted.';

-- The gateway of deploy/postgres/databases.sh has a user that otherwise only reads.
-- +goose StatementBegin
do $$ begin
    if exists (select from pg_roles where rolname = 'lazisync_gateway') then
        grant insert on raw.sync_audit to lazisync_gateway;
    end if;
end $$;
-- +goose StatementEnd
