package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/store"
)

// TestADatabaseThatTakesNoWritesDoesNotWork: it answers every query.
func TestADatabaseThatTakesNoWritesDoesNotWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.NoError(t, f.CheckReady(t.Context(), store.AccessLedger))
	require.NoError(t, f.CheckReady(t.Context(), store.AccessPages))
	var kept int
	require.NoError(t, f.db.QueryRow(t.Context(), "select count(*) from raw.sync_requests").Scan(&kept))
	require.Zero(t, kept, "nothing of it is kept")

	f.exec("do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$")
	standby := openStore(t, f.url) // connections that are open do not know of it
	require.NoError(t, standby.CheckReady(t.Context(), store.AccessRead))
	require.ErrorContains(t, standby.CheckReady(t.Context(), store.AccessLedger), "write to the ledger: ")
	require.ErrorContains(t, standby.CheckReady(t.Context(), store.AccessLedger), "25006")
}

func TestAUserWhoMayNotWriteDoesNotWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.db.Exec(t.Context(), `alter table raw.sync_requests add constraint closed check (request_id not like 'probe-%')`)
	require.NoError(t, err)
	require.ErrorContains(t, f.CheckReady(t.Context(), store.AccessLedger), "closed", "it is a real write")
}
