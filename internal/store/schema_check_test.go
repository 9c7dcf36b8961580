package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/store"
)

// TestAReadOnlyDatabaseIsNotReady: it answers every query.
func TestAReadOnlyDatabaseIsNotReady(t *testing.T) {
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

func TestMissingWritePrivilegesAreNotReady(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.db.Exec(t.Context(), `alter table raw.sync_requests add constraint closed check (request_id not like 'probe-%')`)
	require.NoError(t, err)
	require.ErrorContains(t, f.CheckReady(t.Context(), store.AccessLedger), "closed", "it is a real write")
}

// Without these tables no run starts or ends, although the ledger accepts requests.
func TestAnIncompleteLedgerIsNotReady(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"sync_runs", "sync_cursors", "temporal_namespace"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.exec("alter table raw." + table + " rename to moved")
			require.ErrorContains(t, f.CheckReady(t.Context(), store.AccessLedger), "lacks table raw."+table+" (dropped or renamed: restore it)")
			x, err := f.Inspect(t.Context(), store.AccessLedger)
			require.NoError(t, err)
			require.Equal(t, []string{"table raw." + table + " (dropped or renamed: restore it)"}, x.MissingObjects)
			f.exec("alter table raw.moved rename to " + table)
			require.NoError(t, f.CheckReady(t.Context(), store.AccessLedger))
		})
	}
}

// By default every user may execute the functions.
func TestMissingFunctionPrivilegesAreNotReady(t *testing.T) {
	t.Parallel()
	user := role(t)
	f := newFixture(t)
	f.exec(fmt.Sprintf(`grant usage on schema raw to %[1]s; grant all on all tables in schema raw to %[1]s; grant usage, create on schema raw_rebuild to %[1]s`, user))
	own := openStore(t, as(t, f.url, user))
	require.NoError(t, own.CheckReady(t.Context(), store.AccessPages))
	f.exec("revoke execute on all functions in schema raw from public")
	require.ErrorContains(t, own.CheckReady(t.Context(), store.AccessLedger), "has no privilege to execute on function raw.raise_run_numbers: grant")
	require.ErrorContains(t, own.CheckReady(t.Context(), store.AccessPages), "execute on function raw.to_bigint, ")

	var unknown []string // to the check
	require.NoError(t, f.db.QueryRow(t.Context(), `
		select coalesce(array_agg(proname::text order by proname), '{}') from pg_proc
		where pronamespace = 'raw'::regnamespace and prorettype <> 'trigger'::regtype and not proname = any($1)`, store.PageFunctions).Scan(&unknown))
	require.Empty(t, unknown)
}
