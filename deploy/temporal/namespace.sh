#!/bin/sh
# Makes the namespace. It must remember closed workflows longer than NATS keeps commands
# (7 days): a command that comes again is known by its workflow.
set -eu

retention=30d

tries=0
until temporal operator cluster health; do
	tries=$((tries + 1))
	[ "$tries" -lt 30 ] || exit 1
	sleep 2
done
if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
	temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"
else
	temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"
fi
