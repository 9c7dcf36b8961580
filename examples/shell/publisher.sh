#!/bin/sh
# Requests a sync, and waits for the answer and the outcome.
#
#   publisher.sh '{"mode":"full","entities":["customers"]}' nightly-2026-03-01
#
# Source and id identify the request. It is safe to publish a request again if it may have been
# lost, which this script does: lazisync starts one sync. If the script is killed, start it
# again with the same id: it continues to wait for the same sync.
#
# Exit codes: 0 completed, 1 failed, 2 wrong usage, 3 cancelled, 4 rejected, 5 completed with
# skipped entities.
set -eu

data=${1:-'{"mode":"incremental"}'}
id=${2:-$(date -u +%Y%m%dT%H%M%SZ)-$$}
source=/examples/shell
case $id in *[!A-Za-z0-9._:-]*)
	echo "publisher.sh: id: got '$id', want only letters, digits and . _ : -" >&2
	exit 2
	;;
esac

nats() { command nats --server "$NATS_URL" "$@"; }
sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# The request ID in answers and outcomes.
request=$(printf '%s\000%s' "$source" "$id" | sha256 | cut -c 1-20)
messages=$(mktemp)
command nats --server "$NATS_URL" sub --raw sync.accepted sync.rejected sync.completed sync.failed sync.cancelled >"$messages" 2>&1 &
listener=$!
trap 'kill "$listener" 2>/dev/null || :; rm -f "$messages"' EXIT
trap 'exit 129' HUP # a signal without a trap would end the shell without the trap above
trap 'exit 130' INT
trap 'exit 143' TERM

sleep 1 # until the subscription is active; otherwise the second attempt below gets the answer

# Quotes within texts are escaped, so these patterns match only properties of the event.
about() { grep -F "\"requestId\":\"$request\"" "$messages" | grep -F "$1"; }
end() {
	echo "$1 $request"
	[ -z "${3:-}" ] || printf 'publisher.sh: %s: %s\n' "$1" "$3" >&2
	exit "$2"
}

# An answer to a request that was published before contains the type of its outcome, too.
check() {
	if found=$(about '"type":"com.lazi.sync.rejected.v1"'); then end rejected 4 "$found"; fi
	if found=$(about '"type":"com.lazi.sync.failed.v1"'); then end failed 1 "$found"; fi
	if found=$(about '"type":"com.lazi.sync.cancelled.v1"'); then end cancelled 3 "$found"; fi
	if found=$(about '"type":"com.lazi.sync.completed.v1"'); then
		case $found in *'"status":"skipped"'* | *'"skipped":['*) end completed 5 "$found" ;; esac
		end completed 0
	fi
	if [ -z "$accepted" ] && about '"type":"com.lazi.sync.accepted.v1"' >/dev/null; then
		accepted=yes
		echo "accepted $request"
	fi
}

accepted=
while :; do
	# Binary mode: the attributes are headers and the data is the body, so that data that is not JSON
	# gets an answer, too. Without --no-templates, nats would evaluate {{ }} in the data. --jetstream
	# waits until the request is stored. There is no Nats-Msg-Id, because JetStream would drop the
	# next attempt without an answer.
	nats pub --jetstream --no-templates --quiet sync.requested "$data" \
		--header ce-specversion:1.0 --header "ce-id:$id" --header "ce-source:$source" \
		--header ce-type:com.lazi.sync.requested.v1 --header Content-Type:application/json >/dev/null ||
		echo "publisher.sh: not stored, trying again" >&2
	# Publish it again after a minute, or after ten seconds without an answer: an event that was
	# published while the connection was lost is not missed.
	second=0
	while [ "$second" -lt "$([ -n "$accepted" ] && echo 60 || echo 10)" ]; do
		check
		sleep 1
		second=$((second + 1))
	done
done
