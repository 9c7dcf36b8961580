#!/bin/sh
# Creates the namespace. Its retention must be longer than that of commands in NATS (7 days),
# so that a redelivered command finds its workflow.
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
