package store_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

func TestASecondTenantIsRefusedUntilTheAdoptionIsFinished(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	f.adopt()
	c := find(t, "customers")
	const refusal = "tenant 43: the database was adopted from the legacy worker for tenant 42 and takes no other tenant before lazisync migrate --finish-adoption"
	both := openFor(t, f.url, tenant, "43")
	_, err := both.Migrate(t.Context())
	require.ErrorContains(t, err, refusal)
	require.ErrorContains(t, both.CheckSchema(t.Context()), refusal)
	x, err := both.Inspect(t.Context(), store.AccessPages)
	require.NoError(t, err)
	require.Equal(t, tenant, x.AdoptionTenant)
	require.ErrorContains(t, x.AdoptionError, refusal)

	second := func(name string) ledger.Run {
		q := request(events.Full, name, "customers")
		q.TenantID = "43"
		f.receive(q)
		run, _, err := f.BeginRun(t.Context(), ledger.BeginInput{TenantID: "43", Mode: events.Full, WorkflowID: q.WorkflowID, FirstRunID: name, Pass: 1, RequestID: q.ID})
		require.NoError(t, err)
		return run
	}
	run := second("a")
	_, err = f.Open(t.Context(), run.Target(c))
	require.ErrorContains(t, err, refusal)
	var permanent interface{ Permanent() bool }
	require.ErrorAs(t, err, &permanent)
	require.True(t, permanent.Permanent())
	require.NoError(t, f.FailEntity(t.Context(), run.Target(c), ledger.Position{}, events.RunError{Type: events.ValidationError, Message: refusal}))

	f.write(500, at(3), "new")
	finished, err := f.FinishAdoption(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{
		"finished the adoption of raw.st_customers", "finished the adoption of raw.st_estimates", "finished the adoption of raw.st_invoices",
		"finished the adoption of raw.st_jobs", "finished the adoption of raw.sync_state",
	}, finished)
	again, err := f.FinishAdoption(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	require.EqualValues(t, 103, f.state(c).Records)
	applied, err := both.Migrate(t.Context())
	require.NoError(t, err)
	require.Empty(t, applied)
	require.NoError(t, both.CheckSchema(t.Context()))
	x, err = both.Inspect(t.Context(), store.AccessPages)
	require.NoError(t, err)
	require.Empty(t, x.AdoptionTenant)
	require.NoError(t, x.AdoptionError)

	run = second("b")
	p, err := f.Open(t.Context(), run.Target(c))
	require.NoError(t, err)
	_, err = f.StorePage(t.Context(), run.Target(c), p, page(at(0), "1", true, customer(1, at(0), "of 43")))
	require.NoError(t, err)
	require.EqualValues(t, 2, get[int](f.fixture, "select count(*) from raw.st_customers where st_id = 1"))
	_, err = f.worker.Exec(t.Context(), upsert, 1, "late", `{"id": 1}`)
	require.ErrorContains(t, err, "no unique or exclusion constraint matching the ON CONFLICT specification")

	// The tables have the keys of a new database.
	fresh := newFixture(t)
	const keys = `select string_agg(conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid), e'\n' order by conrelid::regclass::text)
		from pg_constraint where conrelid in ('raw.st_customers'::regclass, 'raw.st_jobs'::regclass, 'raw.sync_state'::regclass) and contype <> 'n'`
	require.Equal(t, get[string](fresh, keys), get[string](f.fixture, keys))
	require.Equal(t, "d", get[string](f.fixture, "select relreplident::text from pg_class where oid = 'raw.st_customers'::regclass"))
	require.Zero(t, get[int](f.fixture, "select count(*) from pg_proc where proname like '%adopted'"))
	skipped := f.open(f.beginIncremental("i", 1, "jobs"), find(t, "jobs"))
	require.Equal(t, "adopted, needs a full sync", skipped.SkippedReason)
}

// TestRollbackAfterTheAdoptionIsFinished runs the statements of docs/migrating.md.
func TestRollbackAfterTheAdoptionIsFinished(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/migrating.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(document), "```sql\n")
	require.True(t, found)
	statements, _, _ := strings.Cut(rest, "```")
	require.Contains(t, statements, "default 1039746210")
	f := newLegacy(t, "", tenant)
	f.adopt()
	_, err = f.FinishAdoption(t.Context())
	require.NoError(t, err)

	f.exec(strings.ReplaceAll(statements, "1039746210", string(tenant)))
	_, err = f.worker.Exec(t.Context(), upsert, 1, "back", `{"id": 1}`)
	require.NoError(t, err)
	require.Equal(t, version{"back", false, 0}, f.version(1))
	_, err = f.worker.Exec(t.Context(), `insert into raw.sync_state (table_name, records_count) values ('raw.st_customers', 3)
		on conflict (table_name) do update set records_count = excluded.records_count`)
	require.NoError(t, err)
}
