package store

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// TestANumberedMigrationBlocksNoWriterWhileItWaits applies a migration of a table that a long
// transaction reads.
func TestANumberedMigrationBlocksNoWriterWhileItWaits(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), pgtest.Database(t), Options{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.pool.Exec(t.Context(), "create table public.busy (a int)")
	require.NoError(t, err)
	reader, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = reader.Exec(t.Context(), "select from public.busy")
	require.NoError(t, err)

	files := fstest.MapFS{
		"0001_first.sql":  {Data: []byte("-- +goose Up\ncreate table public.first (a int);\n")},
		"0002_second.sql": {Data: []byte("-- +goose Up\nalter table public.busy add column b int not null default 1;\n")},
	}
	var applied []string
	done := make(chan error, 1)
	go func() {
		var err error
		applied, err = s.applyMigrations(t.Context(), files)
		done <- err
	}()
	for range 3 {
		require.Eventually(t, func() bool {
			var waiting bool
			err := s.pool.QueryRow(t.Context(), `select exists (select from pg_stat_activity
				where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'relation' and query like '%busy%')`).Scan(&waiting)
			return err == nil && waiting
		}, time.Minute, 5*time.Millisecond)
		require.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "set local lock_timeout = '4s'; select from public.busy")
			return err
		}), "another reader waits for a moment at most")
	}
	require.NoError(t, reader.Rollback(t.Context()))
	require.NoError(t, <-done)
	require.Equal(t, []string{"0001_first", "0002_second"}, applied)
}
