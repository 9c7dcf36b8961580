package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/contract"
)

// The ledger in memory, with which the bridge, the activities and the workflows are tested, does what
// PostgreSQL does.
func TestLedgerContract(t *testing.T) {
	t.Parallel()
	empty := emptiedStore(t)
	contract.Ledger(t, func() contract.LedgerPort { return empty() })
}

// So does its store of pages.
func TestPagesContract(t *testing.T) {
	t.Parallel()
	empty := emptiedStore(t)
	contract.Pages(t, func() contract.PagesPort { return empty() })
}

// emptiedStore returns a function that empties a database and returns its store, which logs nothing.
func emptiedStore(t *testing.T) func() *store.Store {
	t.Helper()
	f := newFixture(t)
	quiet, err := store.Open(t.Context(), f.url, store.Options{Entities: few})
	require.NoError(t, err)
	t.Cleanup(quiet.Close)
	return func() *store.Store {
		f.exec(`truncate raw.sync_runs, raw.sync_requests, raw.sync_controls, raw.sync_cursors, raw.sync_state, raw.rejected_records,
			raw.st_customers, raw.st_jobs restart identity cascade`)
		_, err := quiet.DropStagingTables(t.Context()) // run numbers begin at 1 again
		require.NoError(t, err)
		return quiet
	}
}
