package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

func testStore(t *testing.T, o Options) *Store {
	t.Helper()
	return storeAt(t, pgtest.Database(t), o)
}

func storeAt(t *testing.T, url string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestTransactionsAreRetried(t *testing.T) {
	t.Parallel()
	s := testStore(t, Options{})
	tries := 0
	err := s.transact(t.Context(), "do it", func(tx pgx.Tx) error {
		if tries++; tries < maxAttempts {
			// The server ends the connection under the transaction.
			_, err := tx.Exec(t.Context(), "select pg_terminate_backend(pg_backend_pid())")
			return err
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, maxAttempts, tries)

	tries = 0
	err = s.transact(t.Context(), "do it", func(pgx.Tx) error { tries++; return &pgconn.PgError{Code: "40P01", Message: "deadlock detected"} })
	require.ErrorContains(t, err, "do it: ")
	require.ErrorContains(t, err, "deadlock detected")
	require.Equal(t, maxAttempts, tries)

	tries = 0
	err = s.transact(t.Context(), "do it", func(pgx.Tx) error { tries++; return ledger.ErrFinalized })
	require.ErrorIs(t, err, ledger.ErrFinalized)
	require.Equal(t, 1, tries)
}

func TestAlteredTableUnderAPreparedStatement(t *testing.T) {
	t.Parallel()
	s := testStore(t, Options{MaxConns: 1})
	exec := func(sql string) {
		t.Helper()
		require.NoError(t, s.transact(t.Context(), sql, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), sql)
			return err
		}))
	}
	read := func() error {
		return s.read(t.Context(), "read", func(q ddl.Querier) error {
			rows, err := q.Query(t.Context(), "select * from things")
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, pgx.RowToMap)
			return err
		})
	}
	exec("create table things (a int)")
	require.NoError(t, read())
	exec("alter table things add column b int")
	require.NoError(t, read())
}

func TestAcquireErrorsReportThePool(t *testing.T) {
	t.Parallel()
	s := testStore(t, Options{MaxConns: 1})
	held, err := s.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer held.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = s.Ping(ctx)
	require.ErrorContains(t, err, "ping PostgreSQL: waited ")
	require.ErrorContains(t, err, "for a connection, 1 of 1 busy")
	require.True(t, errors.Is(err, context.DeadlineExceeded))
}

func TestAcquireTimesOut(t *testing.T) {
	t.Parallel()
	s := testStore(t, Options{MaxConns: 1, AcquireWait: 50 * time.Millisecond})
	held, err := s.pool.Acquire(t.Context())
	require.NoError(t, err)
	err = s.Ping(t.Context())
	require.ErrorContains(t, err, "ms for a connection, 1 of 1 busy: no connection became free")
	held.Release()
	require.NoError(t, s.Ping(t.Context()))
}

func TestUnreachableServer(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), "postgres://me:hunter2@127.0.0.1:1/x", Options{})
	require.NoError(t, err, "it connects on first use")
	defer s.Close()
	err = s.Ping(t.Context())
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestPasswordStaysOutOfErrors(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://me:hunter2@host:notaport/x",
		"postgres://me:hunter2@host/x?sslmode=hunter2",
		"postgres://me:hunter2%zz@host/x",
		"postgres://me:hunter2@host/x?pool_max_conns=many",
		"host=h password=hunter2 sslmode=never",
		"mysql://me:hunter2@host/x",
		"hunter2",
	} {
		_, err := Open(t.Context(), url, Options{})
		require.ErrorContains(t, err, "invalid database URL", url)
		require.NotContains(t, err.Error(), "hunter2", url)
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":           `"plain"`,
		"nul \x00 nul":    `"nul \ufffd nul"`,
		`\` + "\x00":      `"\\\ufffd"`,
		`\u0000`:          `"\\u0000"`,
		"\xff":            `"` + "\\ufffd" + `"`,
		"ends with \\":    `"ends with \\"`,
		"\x00\x00 \x01 é": `"\ufffd\ufffd \u0001 é"`,
	} {
		got, err := document(in)
		require.NoError(t, err)
		require.Equal(t, want, *got)
	}
	got, err := document((*ledger.Run)(nil))
	require.NoError(t, err)
	require.Nil(t, got)
}

// TestConnectionsBegunBeforeAPoolerWasDetectedAreReplaced: they would prepare statements.
func TestConnectionsBegunBeforeAPoolerWasDetectedAreReplaced(t *testing.T) {
	t.Parallel()
	s := testStore(t, Options{})
	conn, err := pgx.ConnectConfig(t.Context(), s.pool.Config().ConnConfig)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	require.NoError(t, s.afterConnect(t.Context(), conn))
	s.pooled.Store(true)
	require.ErrorIs(t, s.afterConnect(t.Context(), conn), errPooled)
	require.NoError(t, s.Ping(t.Context()), "the next one prepares nothing")
}
