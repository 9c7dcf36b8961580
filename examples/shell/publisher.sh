#!/bin/sh
# Requests a sync and waits for the answer. Exit codes: 0 accepted, 1 rejected or not answered,
# 2 wrong usage.
#
#   publisher.sh '{"mode":"full","entities":["customers"]}' nightly-2026-03-01
#
# Source and id identify the request. It is safe to publish a request again if it may have been
# lost, which this script does: lazisync starts one sync.
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

# The request ID in the answers.
request=$(printf '%s\000%s' "$source" "$id" | sha256 | cut -c 1-20)
answers=$(mktemp)
nats sub --raw sync.accepted sync.rejected >"$answers" 2>&1 &
listener=$!
trap 'kill "$listener" 2>/dev/null || :; rm -f "$answers"' EXIT

sleep 1 # until the subscription is active; otherwise the second attempt below gets an answer

answered() { grep -F "\"requestId\":\"$request\"" "$answers"; }

for attempt in 1 2 3; do
	# Binary mode: the attributes are headers and the data is the body, so that data that is not JSON
	# gets an answer, too. Without --no-templates, nats would evaluate {{ }} in the data. --jetstream
	# waits until the request is stored. There is no Nats-Msg-Id, because JetStream would drop the
	# next attempt without an answer.
	nats pub --jetstream --no-templates --quiet sync.requested "$data" \
		--header ce-specversion:1.0 --header "ce-id:$id" --header "ce-source:$source" \
		--header ce-type:com.lazi.sync.requested.v1 --header Content-Type:application/json >/dev/null ||
		echo "publisher.sh: not stored, attempt $attempt" >&2
	for second in 1 2 3 4 5 6 7 8 9 10; do
		if answer=$(answered); then
			case $answer in
			*'"com.lazi.sync.rejected.v1"'*)
				printf 'publisher.sh: rejected: %s\n' "$answer" >&2
				exit 1
				;;
			esac
			echo "accepted $request"
			exit 0
		fi
		sleep 1
	done
done
echo "publisher.sh: no answer to $request: publish again with the same id" >&2
exit 1
