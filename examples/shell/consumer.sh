#!/bin/sh
# Wait for the next outcome and count what that run changed. The durable consumer
# remembers how far this script is; a message is acknowledged when it was handled.
set -eu

nats() { command nats --server "$NATS_URL" "$@"; }
field() { printf '%s' "$1" | sed -n "s/.*\"$2\": *\"\{0,1\}\([^\",}]*\).*/\1/p"; }

nats consumer info SYNC_EVENTS example-shell >/dev/null 2>&1 ||
	nats consumer add SYNC_EVENTS example-shell --pull --defaults --ack explicit --deliver all --filter sync.completed >/dev/null

event=$(nats consumer next SYNC_EVENTS example-shell --raw --timeout 60s)
run=$(field "$event" runNumber)
psql "$DATABASE_URL" --no-align --tuples-only \
	--command "select 'run $run: ' || count(*) || ' customers changed' from raw.st_customers where run_number = $run"
