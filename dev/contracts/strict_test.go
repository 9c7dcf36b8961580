//go:build npm

package contracts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What consumers written in JavaScript use: the usual validator, and a generator of types.
const (
	ajv       = "ajv@8.17.1"
	formats   = "ajv-formats@3.0.1"
	generator = "json-schema-to-typescript@15.0.4"
)

func TestSchemasPassAjvStrictMode(t *testing.T) {
	t.Parallel()
	out := node(t, "strict.mjs", []string{ajv, formats}, schemasDir(t))
	require.Regexp(t, `^\d\d compiled\n$`, out)
}

// The name of a type is what people write all over their programs.
func TestSchemasHaveTitlesForGenerators(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(schemasDir(t), "sync.*.json"))
	require.NoError(t, err)
	require.Equal(t, `sync.accepted.v1.json: SyncAccepted EventRef OutcomeRef
sync.cancelled.v1.json: SyncCancelled RequestRef EntityResult Differences RunError
sync.completed.v1.json: SyncCompleted RequestRef EntityResult Differences RunError
sync.control.v1.json: SyncControl
sync.failed.v1.json: SyncFailed RequestRef EntityResult Differences RunError
sync.fresh.v1.json: SyncFresh EntityAge
sync.paused.v1.json: SyncPaused RequestRef
sync.progress.v1.json: SyncProgress RequestRef Waiting
sync.rejected.v1.json: SyncRejected EventRef FieldError DeadLetterRef
sync.requested.v1.json: SyncRequested
sync.resumed.v1.json: SyncResumed RequestRef
sync.stale.v1.json: SyncStale EntityAge
sync.started.v1.json: SyncStarted RequestRef
`, node(t, "types.mjs", []string{generator}, files...))
}

func schemasDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "schemas"))
	require.NoError(t, err)
	return dir
}

// node runs a script of testdata with packages from npm, and returns what it prints.
func node(t *testing.T, script string, packages []string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("testdata", script))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, script), text, 0o600))
	command(t, dir, append([]string{"npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts"}, packages...)...)
	return command(t, dir, append([]string{"node", script}, args...)...)
}
