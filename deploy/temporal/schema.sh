#!/bin/sh
# Creates Temporal's tables or migrates them to the version of this image. Running it again
# changes nothing. temporal-sql-tool reads SQL_HOST and the other SQL_ variables itself.
set -eu

for store in temporal:temporal temporal_visibility:visibility; do
	export SQL_DATABASE="${store%%:*}"
	temporal-sql-tool setup-schema --version 0.0
	temporal-sql-tool update-schema --schema-dir "${SCHEMAS:-/etc/temporal/schema}/postgresql/v12/${store##*:}/versioned"
done
