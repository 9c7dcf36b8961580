#!/bin/sh
# Creates the databases and users. PostgreSQL runs it once, when it creates its data folder.
#
#   lazisync_owner    owns the tables, for lazisync migrate
#   lazisync_app      reads and writes the tables, for bridge and worker
#   lazisync_gateway  reads the tables, for the gateway; lazisync migrate lets it add to the audit trail
#   lazisync_reader   reads the tables, for other programs
#   temporal          owns Temporal's databases
set -eu

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv owner_password POSTGRES_OWNER_PASSWORD
\getenv app_password POSTGRES_APP_PASSWORD
\getenv gateway_password POSTGRES_GATEWAY_PASSWORD
\getenv reader_password POSTGRES_READER_PASSWORD
\getenv temporal_password POSTGRES_TEMPORAL_PASSWORD

create role lazisync_owner login password :'owner_password';
create role lazisync_app login password :'app_password';
create role lazisync_reader login password :'reader_password';
create role lazisync_gateway login password :'gateway_password' in role lazisync_reader;
create role temporal login password :'temporal_password';

create database lazisync owner lazisync_owner;
create database temporal owner temporal;
create database temporal_visibility owner temporal;
revoke all on database lazisync, temporal, temporal_visibility from public;
grant connect on database lazisync to lazisync_app, lazisync_reader;

\connect lazisync
revoke create on schema public from public;
-- For the staging tables of rebuilds. Readers have no privileges here.
create schema raw_rebuild authorization lazisync_app;
alter default privileges for role lazisync_owner grant usage on schemas to lazisync_app, lazisync_reader;
alter default privileges for role lazisync_owner grant select, insert, update, delete on tables to lazisync_app;
alter default privileges for role lazisync_owner grant usage, select on sequences to lazisync_app;
alter default privileges for role lazisync_owner grant select on tables to lazisync_reader;

\connect temporal_visibility
-- Required by the schema of Temporal's visibility store.
create extension if not exists btree_gin;
SQL
