//go:build pgbouncer

package store_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/bouncer"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// TestThroughPgBouncer does everything through a PgBouncer that is configured with only
// its pool.
func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"transaction":            {"pool_mode = transaction"},
		"session":                {"pool_mode = session"},
		"a pool of one":          {"pool_mode = transaction", "default_pool_size = 1"},
		"one server after other": {"pool_mode = transaction", "server_round_robin = 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bouncer.Start(t, pgtest.Database(t), settings...)
			doEverything(t, b.URL(), 4)
		})
	}
}

// TestNothingIsPreparedBehindPgBouncer, also by connections that are opened at the same time.
func TestNothingIsPreparedBehindPgBouncer(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"transaction", "session"} {
		b := bouncer.Start(t, pgtest.Database(t), "pool_mode = "+mode, "server_round_robin = 1")
		s := openStore(t, b.URL())
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				_, err := s.Select(t.Context(), "select $1::int from pg_sleep(0.1)", 1)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		for range 24 {
			require.Empty(t, prepared(t, s), mode)
		}
	}
}

func TestInspectReportsThePoolMode(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	mode := func(address string) string {
		t.Helper()
		s, err := store.Open(t.Context(), address, store.Options{MaxConns: 2})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		require.NoError(t, s.CheckSupported(t.Context()))
		x, err := s.Inspect(t.Context(), store.AccessRead)
		require.NoError(t, err)
		return x.Pooler
	}
	require.Empty(t, mode(address))
	for _, want := range []string{"transaction", "session"} {
		for _, more := range []string{"", "default_pool_size = 1", "server_round_robin = 1"} {
			b := bouncer.Start(t, address, "pool_mode = "+want, more)
			require.Equal(t, want, mode(b.URL()), more)
		}
	}
}

// TestUnsupportedPgBouncerConfigurationsAreRefused names what has to be changed.
func TestUnsupportedPgBouncerConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ setting, parameter, value, fix string }{
		"statement pooling": {"pool_mode = statement", "", "", "set pool_mode to transaction or session: lazisync needs transactions"},
		"prepared statements": {"pool_mode = transaction", "default_query_exec_mode", "cache_statement",
			"remove default_query_exec_mode from DATABASE_URL: the connection pooler does not keep prepared statements"},
		"options": {"pool_mode = transaction", "options", "-c work_mem=1MB",
			"remove the parameter from DATABASE_URL, or add it to PgBouncer's ignore_startup_parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bouncer.Start(t, pgtest.Database(t), c.setting)
			s := openStore(t, withParameter(t, b.URL(), c.parameter, c.value))
			err := s.CheckSupported(t.Context())
			var unsuitable *store.UnsupportedServerError
			require.ErrorAs(t, err, &unsuitable)
			require.Equal(t, c.fix, unsuitable.Fix)
			require.Equal(t, c.fix, store.FixOf(err))
		})
	}
}

// TestErrorsOfPgBouncerAreRetried stops the server behind it, and PgBouncer itself.
func TestErrorsOfPgBouncerAreRetried(t *testing.T) {
	t.Parallel()
	b := bouncer.Start(t, pgtest.Database(t), "pool_mode = transaction")
	s := openStore(t, b.URL())
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.CheckReady(t.Context(), store.AccessPages))
	require.NoError(t, b.Restart())
	require.NoError(t, s.CheckReady(t.Context(), store.AccessPages), "the connections that PgBouncer lost are replaced")
	b.Stop()
	err = s.CheckReady(t.Context(), store.AccessPages)
	var refusal *store.Refusal
	require.Error(t, err)
	require.NotErrorAs(t, err, &refusal, "it passes")
	require.NoError(t, b.Restart())
	require.NoError(t, s.CheckReady(t.Context(), store.AccessPages))
}
