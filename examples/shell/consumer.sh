#!/bin/sh
# Waits for the next outcome, records every row that its run changed, and acknowledges it.
#
# Delivery is at least once. The script records source and id of the event in the transaction
# of its work and acknowledges the message afterwards, so it can be killed at any time: JetStream
# redelivers the event after ACK_WAIT.
#
# The script reads lazisync's database, DATABASE_URL, and writes to WORK_DATABASE_URL.
set -eu

name=${CONSUMER:-example-shell}
: "${WORK_DATABASE_URL:=$DATABASE_URL}"

nats() { command nats --server "$NATS_URL" "$@"; }
sql() { psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$@"; }

sql "$WORK_DATABASE_URL" <<'SQL'
set client_min_messages = warning;
create schema if not exists downstream;
create table if not exists downstream.done (source text, id text, done_at timestamptz not null default now(), primary key (source, id));
create table if not exists downstream.changes (
  tenant_id text not null, entity text not null, st_id text not null, run_number bigint not null, deleted boolean not null, record jsonb not null);
SQL

# The durable consumer keeps the position. Failed and cancelled runs have stored rows, too.
nats consumer info SYNC_EVENTS "$name" >/dev/null 2>&1 ||
	nats consumer add SYNC_EVENTS "$name" --pull --defaults --ack explicit --wait "${ACK_WAIT:-60s}" --deliver all \
		--filter sync.completed --filter sync.failed --filter sync.cancelled >/dev/null

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 129' HUP # a signal without a trap would end the shell without the trap above
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$scratch"

# Without --no-ack the command acknowledges immediately, and a failure would lose the outcome.
nats consumer next SYNC_EVENTS "$name" --no-ack --timeout "${WAIT:-60s}" >message
sed -n '/^{/,$p' message >event

# The subject of the acknowledgement contains three numbers from the first line.
ack=$(sed -n '1s/.* tries: \([0-9]*\) .*cons seq: \([0-9]*\) .*str seq: \([0-9]*\) .*/\1.\3.\2/p' message)
ack="\$JS.ACK.SYNC_EVENTS.$name.$ack.0.0"

# psql parses the event, so that its content cannot become shell or SQL code. Unknown types and
# properties are ignored, because later versions of lazisync may add them.
sql "$DATABASE_URL" >rows <<'SQL'
\set event `cat event`
select format(
    'copy (select tenant_id, %L, st_id, run_number, deleted_at is not null, full_data from raw.%I where tenant_id = %L and run_number = %s order by st_id) to stdout',
    result ->> 'entity', 'st_' || (result ->> 'entity'), event #>> '{data,tenantId}', (event #>> '{data,runNumber}')::bigint)
from (select :'event'::jsonb) as message (event), jsonb_array_elements(event #> '{data,results}') as result
where event ->> 'type' in ('com.lazi.sync.completed.v1', 'com.lazi.sync.failed.v1', 'com.lazi.sync.cancelled.v1')
  and event #> '{data,runNumber}' is not null
  and coalesce((event #>> '{data,part}')::int, 1) = 1
  and (result ->> 'inserted')::bigint + (result ->> 'updated')::bigint + (result ->> 'deleted')::bigint > 0
\gexec
SQL

sql "$WORK_DATABASE_URL" <<'SQL'
\set event `cat event`
begin;
with new as (
  insert into downstream.done (source, id) values (:'event'::jsonb ->> 'source', :'event'::jsonb ->> 'id') on conflict do nothing returning 1)
select count(*) = 1 as first from new \gset
\if :first
\copy downstream.changes from 'rows'
select 'run ' || (:'event'::jsonb #>> '{data,runNumber}') || ' ' || split_part(:'event'::jsonb ->> 'type', '.', 4) || ': ' ||
  entity || ', ' || count(*) || ' rows changed'
from downstream.changes
where tenant_id = :'event'::jsonb #>> '{data,tenantId}' and run_number = (:'event'::jsonb #>> '{data,runNumber}')::bigint
group by entity order by entity;
\endif
commit;
SQL

nats request "$ack" +ACK --raw >/dev/null # waits for the confirmation of NATS
