#!/bin/sh
# Brings the tables of Temporal to the version of this image. Doing it again changes
# nothing, and a newer image moves them on. The tool reads SQL_HOST and its like itself.
set -eu

for store in temporal:temporal temporal_visibility:visibility; do
	export SQL_DATABASE="${store%%:*}"
	temporal-sql-tool setup-schema --version 0.0
	temporal-sql-tool update-schema --schema-dir "${SCHEMAS:-/etc/temporal/schema}/postgresql/v12/${store##*:}/versioned"
done
