#!/bin/sh
# Ask for a sync and wait for the answer: exits 0 where it was accepted, 1 where it was rejected
# or not answered.
#
#   publisher.sh '{"mode":"full","entities":["customers"]}' nightly-2026-03-01
#
# The id and the source identify the request: the same twice is one request, and starts nothing
# twice. It is therefore safe to publish again what may have been lost, and this script does.
set -eu

data=${1:-'{"mode":"incremental"}'}
id=${2:-$(date -u +%Y%m%dT%H%M%SZ)-$$}
source=/examples/shell
case $id in *[!A-Za-z0-9._:-]*)
	echo "publisher.sh: id: got '$id', want letters, digits and . _ : - alone" >&2
	exit 2
	;;
esac

nats() { command nats --server "$NATS_URL" "$@"; }
sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# How lazisync names the request in its answers.
request=$(printf '%s\000%s' "$source" "$id" | sha256 | cut -c 1-20)
answers=$(mktemp)
nats sub --raw sync.accepted sync.rejected >"$answers" 2>&1 &
listener=$!
trap 'kill "$listener" 2>/dev/null || :; rm -f "$answers"' EXIT

sleep 1 # until it listens; where that took longer, the repetition below is answered

answered() { grep -F "\"requestId\":\"$request\"" "$answers"; }

for attempt in 1 2 3; do
	# The attributes are headers (binary mode) and the data is the body as it is, so that also what is
	# no JSON is answered by name. Without --no-templates, nats would run what stands in {{ }} in it.
	# --jetstream waits until the request is stored. There is no Nats-Msg-Id: JetStream would drop the
	# repetition, and what it drops is not answered.
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
