package store_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/store"
)

// TestADatabaseThatTakesNoWritesDoesNotWork: it answers every query.
func TestADatabaseThatTakesNoWritesDoesNotWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.NoError(t, f.Works(t.Context(), store.KeepsLedger))
	require.NoError(t, f.Works(t.Context(), store.StoresPages))
	var kept int
	require.NoError(t, f.db.QueryRow(t.Context(), "select count(*) from raw.sync_requests").Scan(&kept))
	require.Zero(t, kept, "nothing of it is kept")

	address, err := url.Parse(f.url)
	require.NoError(t, err)
	query := address.Query()
	query.Set("default_transaction_read_only", "on")
	address.RawQuery = query.Encode()
	standby := openStore(t, address.String())
	require.NoError(t, standby.Works(t.Context(), store.Reads))
	require.ErrorContains(t, standby.Works(t.Context(), store.KeepsLedger), "write to the ledger: ")
	require.ErrorContains(t, standby.Works(t.Context(), store.KeepsLedger), "25006")
}

func TestAUserWhoMayNotWriteDoesNotWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.db.Exec(t.Context(), `alter table raw.sync_requests add constraint closed check (request_id not like 'probe-%')`)
	require.NoError(t, err)
	require.ErrorContains(t, f.Works(t.Context(), store.KeepsLedger), "closed", "it is a real write")
}
