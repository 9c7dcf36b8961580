//go:build pgbouncer

package store_test

import (
	"testing"

	"github.com/lazi/lazisync/internal/pgserver/bouncer"
	"github.com/lazi/lazisync/internal/pgserver/pgtest"
)

// TestThroughPgBouncer does everything through a PgBouncer that is configured with nothing
// but its pool.
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
