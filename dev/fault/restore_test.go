package fault

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/recording"
	"github.com/lazi/lazisync/events"
)

// backup is a copy of a server's data folder.
type backup struct{ copy, original string }

// backUp copies a folder. Owners, modes and times are kept, as PostgreSQL demands.
func backUp(t *testing.T, folder string) backup {
	t.Helper()
	b := backup{copy: filepath.Join(t.TempDir(), "backup"), original: folder}
	copyFolder(t, folder, b.copy)
	return b
}

// restore replaces the folder by its copy.
func (b backup) restore(t *testing.T) {
	t.Helper()
	require.NoError(t, os.RemoveAll(b.original))
	copyFolder(t, b.copy, b.original)
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "cp", "-pR", from, to).CombinedOutput()
	require.NoError(t, err, string(out))
}

// while shuts the server down, calls do with its data folder, and starts it again.
func (s *server) while(t *testing.T, stopped func()) {
	t.Helper()
	s.Signal(syscall.SIGTERM)
	select {
	case <-s.Ended():
	case <-time.After(waitLimit):
		require.Fail(t, "the server does not stop", s.options.Kind)
	}
	stopped()
	s.restart(t)
}

// folder returns the data folder of the server.
func (s *server) folder() string {
	if s.options.Kind == temporalKind {
		return filepath.Dir(s.options.Data)
	}
	return s.options.Data
}

// backUp copies the data folder.
func (s *server) backUp(t *testing.T) (b backup) {
	t.Helper()
	s.while(t, func() { b = backUp(t, s.folder()) })
	return b
}

// setBack restores the server to a backup, or to nothing where there is none.
func (s *server) restore(t *testing.T, b *backup) {
	t.Helper()
	s.while(t, func() {
		if b != nil {
			b.restore(t)
			return
		}
		require.NoError(t, os.RemoveAll(s.folder()))
		require.NoError(t, os.MkdirAll(s.folder(), 0o700))
	})
}

// databaseBackup is a backup of PostgreSQL.
type databaseBackup struct {
	folder backup
	ended  map[string]bool // by request ID, those whose outcome was published
}

// backUpDatabase backs PostgreSQL up.
func (r *rig) backUpDatabase(t *testing.T) (b databaseBackup) {
	t.Helper()
	var folder string
	require.NoError(t, r.sql.QueryRow(t.Context(), "show data_directory").Scan(&folder))
	b.ended = r.endedRequests(t)
	require.NoError(t, r.database.Stop())
	b.folder = backUp(t, folder)
	r.database.start(t)
	return b
}

func (r *rig) endedRequests(t *testing.T) map[string]bool {
	t.Helper()
	rows, err := r.sql.Query(t.Context(), "select request_id from raw.sync_requests join raw.sync_runs using (run_number) where published_at is not null")
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	ended := map[string]bool{}
	for _, id := range ids {
		ended[id] = true
	}
	return ended
}

// restoreDatabase restores PostgreSQL to a backup.
func (r *rig) restoreDatabase(t *testing.T, b databaseBackup) {
	t.Helper()
	require.NoError(t, r.database.Stop())
	b.folder.restore(t)
	r.recordRestore(b.ended)
	r.database.start(t)
}

// recreateDatabase drops the schemas of lazisync, and migrates.
func (r *rig) recreateDatabase(t *testing.T) {
	t.Helper()
	r.recordRestore(nil)
	for _, schema := range []string{"raw", "raw_rebuild"} {
		_, err := r.sql.Exec(t.Context(), "drop schema if exists "+schema+" cascade")
		require.NoError(t, err)
	}
	r.migrate(t)
	_, err := r.sql.Exec(t.Context(), watchTables)
	require.NoError(t, err)
	require.NoError(t, recording.Watch(t.Context(), r.sql))
}

// recordRestore marks the requests that had not ended at the time of the backup: in the restored
// ledger they are unknown or open. Their outcome may be missing or repeated.
func (r *rig) recordRestore(ended map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restored = true
	for _, a := range r.issued {
		a.setBack = a.setBack || !ended[a.requestID()]
	}
}

// noteLostCommands marks the commands that were neither answered nor are in the restored
// stream: their publishers have to publish them again.
func (r *rig) noteLostCommands(t *testing.T) {
	t.Helper()
	current, err := r.read(t.Context(), "SYNC_COMMANDS")
	require.NoError(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := map[string]bool{}
	for _, e := range current {
		kept[events.RequestID(e.Source, e.ID)] = true
	}
	for _, e := range r.archived.events {
		if e.name() == "accepted" || e.name() == "rejected" {
			answer, err := decode[events.AcceptedData](e)
			require.NoError(t, err)
			kept[answer.RequestID] = true
		}
	}
	for _, a := range r.issued {
		a.stored = a.stored && kept[a.requestID()]
	}
}

// run runs a command of lazisync, and returns its output for any exit code.
func (r *rig) run(t *testing.T, set []string, args ...string) string {
	t.Helper()
	return r.runProgram(t, program(t), set, args...)
}

// runProgram runs a command of some build of lazisync.
func (r *rig) runProgram(t *testing.T, program string, set []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = slices.Concat(r.stack.Environ(), set)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		require.NoError(t, err)
	}
	return string(out)
}
