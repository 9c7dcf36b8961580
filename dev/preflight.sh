#!/usr/bin/env bash
# Checks the requirements of a build, one line each, and prints how to install what is
# missing. With --postgres, a missing PostgreSQL is an error: lazisync-dev can download one,
# the tests do not.
set -euo pipefail
cd "$(dirname "$0")"

want=$(awk '$1 == "go" { print $2 }' go.mod)
if ! command -v go >/dev/null; then
	echo "  Go          missing: install $want or newer from https://go.dev/dl"
	exit 1
fi
if ! go version >/dev/null 2>&1; then
	echo "  Go          $(GOTOOLCHAIN=local go env GOVERSION) cannot be used: install $want or newer from https://go.dev/dl"
	exit 1
fi
exec go run ./cmd/preflight "$@"
