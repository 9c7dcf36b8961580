#!/usr/bin/env bash
# Runs the linters on both modules. tools/go.mod pins their versions. The first run builds
# them and checks the types of the Temporal server, which takes many minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'not formatted, run make fmt:\n%s\n' "$unformatted"
	exit 1
fi

status=0
run() {
	echo "$*"
	"$@" || status=1
}
run go vet ./...
run go vet -tags=failpoint ./internal/failpoint
run go -C dev vet -tags=fault,privileged,browser ./...
run go test -run "^TestNoRetiredWords$" ./docs

tools="$PWD/tools/go.mod"
run go tool -modfile="$tools" workflowcheck ./workflows/... ./internal/legacy
run go tool -modfile="$tools" golangci-lint run ./...
cd dev
run go tool -modfile="$tools" golangci-lint run --config=../.golangci.yml ./...
exit "$status"
