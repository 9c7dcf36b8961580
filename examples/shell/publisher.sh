#!/bin/sh
# Ask for a sync. --jetstream waits until the request is stored; a Nats-Msg-Id of your own
# makes it the same request however often you send it.
#
#   publisher.sh '{"mode":"full","entities":["customers"]}' nightly-2026-03-01
set -eu

nats --server "$NATS_URL" pub --jetstream --header "Nats-Msg-Id:${2:-$(date +%s)-$$}" sync.requested "${1:-{\"mode\":\"incremental\"\}}"
