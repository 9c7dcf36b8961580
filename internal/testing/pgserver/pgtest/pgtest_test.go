package pgtest_test

import (
	"context"
	"crypto/rand"
	"os"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	a, b := pgtest.Database(t), pgtest.Database(t)
	_, err := connect(t, a).Exec(t.Context(), "create table only_here ()")
	require.NoError(t, err)
	_, err = connect(t, b).Exec(t.Context(), "select from only_here")
	require.ErrorContains(t, err, `relation "only_here" does not exist`)
}

func TestDatabaseIsDroppedAfterTheTest(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("a test that leaves a connection open", func(t *testing.T) {
		url = pgtest.Database(t)
		_, err := pgx.Connect(context.Background(), url)
		require.NoError(t, err)
	})
	_, err := pgx.Connect(t.Context(), url)
	require.ErrorContains(t, err, "does not exist")
}

func TestPreparedRunsOnce(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	prepare := func(ctx context.Context, url string) error {
		runs.Add(1)
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "create table prepared as select 42 as n")
		return err
	}
	name, want := "once "+rand.Text(), int32(1)
	if os.Getenv("TEST_DATABASE_URL") != "" {
		want = 5 // an external server keeps no templates
	}
	t.Run("group", func(t *testing.T) {
		for range 5 {
			t.Run("copy", func(t *testing.T) {
				t.Parallel()
				conn := connect(t, pgtest.Prepared(t, name, prepare))
				var n int
				require.NoError(t, conn.QueryRow(t.Context(), "update prepared set n = n + 1 returning n").Scan(&n))
				require.Equal(t, 43, n, "each test changes its own copy")
			})
		}
	})
	require.Equal(t, want, runs.Load())
}
