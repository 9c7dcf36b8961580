#!/usr/bin/env bash
# Looks for what a build needs, a line each, and says how to get what is missing.
# --postgres makes PostgreSQL a must; lazisync-dev fetches one if need be, tests do not.
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
