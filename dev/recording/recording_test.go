package recording

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

func TestCheckAcceptsAUsualHistory(t *testing.T) {
	t.Parallel()
	h := newHistory()
	life(h)
	found, err := Check(h.changes, h.events)
	require.NoError(t, err)
	require.Empty(t, found)
}

// The changes of a test or an operator become part of the state, but are not checked.
func TestCheckIgnoresOtherProcesses(t *testing.T) {
	t.Parallel()
	h := newHistory()
	life(h)
	h.finalize(2, "failed")
	h.run(2, row{"state": "running", "finished_at": nil})
	h.changes[len(h.changes)-1].Process = "psql"
	h.finalize(2, "failed")
	found, err := Check(h.changes, h.events)
	require.NoError(t, err)
	require.Empty(t, found)
}

// After a restore, the recording begins with the rows that exist.
func TestCheckContinuesFromRowsThatExist(t *testing.T) {
	t.Parallel()
	h := newHistory()
	h.run(1, row{"state": "cancelled", "finished_at": "2026-01-01T11:00:00Z", "results": []any{}})
	h.same().run(2, row{"workflow_id": "full-sync-2"})
	h.same().openCursor(1, row{"version": 7, "pages": 7, "cursor": row{"trail": row{"steps": 7}}})
	h.same().openCursor(2, row{"version": 3, "pages": 3, "cursor": row{"trail": row{"steps": 3}}})
	for i := range h.changes {
		h.changes[i].Process = "psql"
	}
	h.page(2, 3)
	found, err := Check(h.changes, nil)
	require.NoError(t, err)
	require.Empty(t, found)
	h.page(1, 7)
	h.run(3, row{"workflow_id": "full-sync-3"})
	h.openCursor(3, nil)
	found, err = Check(h.changes, nil)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Contains(t, found[0].What, "moved for run 1 after it was finalized as cancelled by change 1")
	require.Equal(t, "run 3 began to read raw.st_jobs while run 2 was reading it", found[1].What)
}

func TestCheckReportsAChangeThatItCannotRead(t *testing.T) {
	t.Parallel()
	_, err := Check([]Change{{Number: 3, Table: "sync_runs", After: json.RawMessage(`{"run_number":"x"}`)}}, nil)
	require.ErrorContains(t, err, "change 3 of sync_runs: json: cannot unmarshal string into Go struct field runRow.run_number of type int64")
}

func TestWindowShowsWhatSurroundsTheViolation(t *testing.T) {
	t.Parallel()
	h := newHistory()
	h.run(1, nil)
	h.openCursor(1, nil)
	for page := range 20 {
		h.page(1, page)
	}
	h.finalize(1, "cancelled")
	h.page(1, 20)
	h.outcome(1, "cancelled")
	found, err := Check(h.changes, h.events)
	require.NoError(t, err)
	require.Len(t, found, 1)
	lines := strings.Split(strings.TrimSpace(found[0].Window), "\n")
	require.Equal(t, "… 15 earlier", lines[0])
	require.Len(t, lines, 11)
	require.Equal(t, "12:00:23.000000  change 23         lazisync worker (100)     tx 23  update sync_runs: "+
		`finished_at:  → "2026-01-01T12:00:22Z", results:  → [], state: "running" → "cancelled"`, strings.TrimSpace(lines[8]))
	require.Equal(t, "  > 12:00:24.000000  change 24         lazisync worker (100)     tx 24  update sync_cursors: "+
		`cursor: {"token":"token20","trail":{"steps":20}} → {"token":"token21","trail":{"steps":21}}, pages: 20 → 21, version: 20 → 21`, lines[9])
	require.Contains(t, lines[10], "12:00:25.000000  message 1         sync.cancelled            first/1/com.lazi.sync.cancelled.v1 {")
}

// The triggers record committed changes alone, with their transaction, in the order of the locks.
func TestDatabaseRecordsItsChanges(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := pgtest.Database(t)
	s, err := store.Open(ctx, url, store.Options{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.Migrate(ctx)
	require.NoError(t, err)
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(ctx))) })
	require.NoError(t, Install(ctx, conn))

	insert := func(tx pgx.Tx, id int) {
		_, err := tx.Exec(ctx, `insert into raw.st_jobs (tenant_id, st_id, full_data, fetched_at, run_number) values (7, $1, '{}', now(), 5)
			on conflict (tenant_id, st_id) do update set run_number = excluded.run_number + 1`, id)
		require.NoError(t, err)
	}
	for _, commit := range []bool{true, false, true} {
		tx, err := conn.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, `insert into raw.sync_controls (control_id, source, event_id, action, sequence, message) values (gen_random_uuid(), 's', 'e', 'pause', 1, 'secret')`)
		require.NoError(t, err)
		insert(tx, 1)
		if commit {
			require.NoError(t, tx.Commit(ctx))
		} else {
			require.NoError(t, tx.Rollback(ctx))
		}
	}
	changes, err := Read(ctx, conn)
	require.NoError(t, err)
	require.Len(t, changes, 4)
	for i, c := range changes {
		require.Equal(t, []string{"insert", "rows", "insert", "rows"}[i], c.Op)
		require.Equal(t, changes[i/2*2].Tx, c.Tx, "one transaction")
		require.WithinDuration(t, time.Now(), c.At, time.Minute)
	}
	require.Less(t, changes[0].Tx, changes[2].Tx)
	require.JSONEq(t, `{"rows": 1, "run_number": 5}`, string(changes[1].After))
	require.JSONEq(t, `{"rows": 1, "run_number": 6}`, string(changes[3].After))
	require.NotContains(t, string(changes[0].After), "message")

	require.NoError(t, Watch(ctx, conn))
	present, err := Read(ctx, conn)
	require.NoError(t, err)
	require.Len(t, present, 2, "the controls that exist")
	require.ElementsMatch(t, []string{string(changes[0].After), string(changes[2].After)}, []string{string(present[0].After), string(present[1].After)})

	require.NoError(t, dropAndMigrate(ctx, conn, s))
	require.NoError(t, Watch(ctx, conn))
	changes, err = Read(ctx, conn)
	require.NoError(t, err)
	require.Empty(t, changes)
}

func dropAndMigrate(ctx context.Context, conn *pgx.Conn, s *store.Store) error {
	if _, err := conn.Exec(ctx, "drop schema raw cascade"); err != nil {
		return err
	}
	_, err := s.Migrate(ctx)
	return err
}
