#!/bin/sh
# Runs once, when PostgreSQL makes its data folder: the databases, and users that may do no
# more than they need. lazisync_owner migrates, lazisync_app is the bridge and the worker,
# lazisync_gateway the gateway, which only reads, lazisync_reader is other systems that read
# the copy, temporal keeps to its own databases.
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
-- Rebuilds make and drop a table of their own here. Readers are not let in.
create schema raw_rebuild authorization lazisync_app;
alter default privileges for role lazisync_owner grant usage on schemas to lazisync_app, lazisync_reader;
alter default privileges for role lazisync_owner grant select, insert, update, delete on tables to lazisync_app;
alter default privileges for role lazisync_owner grant usage, select on sequences to lazisync_app;
alter default privileges for role lazisync_owner grant select on tables to lazisync_reader;

\connect temporal_visibility
-- Temporal's schema of its visibility store uses it.
create extension if not exists btree_gin;
SQL
