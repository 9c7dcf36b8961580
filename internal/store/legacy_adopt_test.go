package store_test

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

//go:embed testdata/legacy.sql
var legacySchema string

// legacyFixture is a database with tables of the legacy worker and a connection as that worker.
type legacyFixture struct {
	*fixture
	worker *pgxpool.Pool // connects as the role of the legacy worker, which owns nothing
}

// newLegacy creates the database and executes change on it.
func newLegacy(t *testing.T, change string, tenants ...events.TenantID) *legacyFixture {
	t.Helper()
	url := pgtest.Database(t)
	db := openPool(t, url)
	// Roles belong to the whole server: each test has one of its own.
	role := "legacy_" + strings.ToLower(rand.Text())
	_, err := db.Exec(t.Context(), strings.ReplaceAll(legacySchema, "ROLE", role)+change)
	require.NoError(t, err)
	t.Cleanup(func() {
		// The context of the test has ended.
		_, err := db.Exec(context.Background(), fmt.Sprintf("drop owned by %[1]s; drop role %[1]s", role))
		require.NoError(t, err)
	})
	cfg, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "set role "+role)
		return err
	}
	worker, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(worker.Close)
	return &legacyFixture{&fixture{TB: t, Store: openFor(t, url, tenants...), url: url, db: db}, worker}
}

func openFor(t testing.TB, url string, tenants ...events.TenantID) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{MaxConns: 12, Entities: few, Tenants: tenants, Logger: zerolog.New(zerolog.NewTestWriter(t))})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func (f *legacyFixture) adopt() {
	f.Helper()
	_, err := f.Migrate(f.Context())
	require.NoError(f, err)
	require.NoError(f, f.CheckSchema(f.Context()))
}

// upsert is the statement of the legacy worker for a customer.
const upsert = `
	insert into raw.st_customers (st_id, name, type, active, balance, full_data, fetched_at) values ($1, $2, 'Residential', true, 1.5, $3, now())
	on conflict (st_id) do update set name = excluded.name, type = excluded.type, active = excluded.active, balance = excluded.balance,
		full_data = excluded.full_data, fetched_at = now()`

// write stores a version of a customer as the legacy worker does.
func (f *legacyFixture) write(id int, modified time.Time, name string) {
	f.Helper()
	_, err := f.worker.Exec(f.Context(), upsert, id, "written as "+name,
		fmt.Sprintf(`{"id": %d, "name": %q, "balance": 7.125, "modifiedOn": %q}`, id, name, modified.Format(time.RFC3339Nano)))
	require.NoError(f, err)
}

func TestAdoption(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	const identity = `select string_agg(relname || oid, ' ' order by relname) from pg_class where relnamespace = 'raw'::regnamespace
		and relname in ('st_customers', 'st_estimates', 'st_invoices', 'st_jobs', 'sync_state', 'customers_by_active')`
	before := get[string](f.fixture, identity)
	require.ErrorContains(t, f.CheckSchema(t.Context()), "run lazisync migrate")
	_, err := f.Tenants(t.Context())
	require.ErrorContains(t, err, "raw.st_customers is a table of the legacy worker")
	_, err = f.FinishAdoption(t.Context())
	require.ErrorContains(t, err, "raw.sync_state are not adopted yet")

	applied, err := f.Migrate(t.Context())
	require.NoError(t, err)
	for _, want := range []string{
		"adopted raw.sync_state for tenant 42", "dropped check constraint sync_state_sync_status_check of raw.sync_state",
		"adopted raw.st_customers for tenant 42", "adopted raw.st_jobs for tenant 42", "adopted raw.st_invoices for tenant 42", "adopted raw.st_estimates for tenant 42",
	} {
		require.Contains(t, applied, want)
	}
	require.NoError(t, f.CheckSchema(t.Context()))
	again, err := f.Migrate(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	require.Equal(t, before, get[string](f.fixture, identity), "the tables and indexes keep their identity")
	require.EqualValues(t, 4, get[int64](f.fixture, countRunIndexes))

	// Rows have the tenant and the values of their records.
	require.Equal(t, "c1 Residential f 12.505 2026-03-01 11:00:00.123456 2026-01-02 00:00:00 2026-03-01 11:30:00 0",
		get[string](f.fixture, `select concat_ws(' ', name, type, active, balance, modified_on at time zone 'UTC', created_on at time zone 'UTC', fetched_at at time zone 'UTC', run_number)
			from raw.st_customers where tenant_id = 42 and st_id = 1`))
	require.Equal(t, "no record {} t", get[string](f.fixture, "select concat_ws(' ', name, full_data, fetched_at <= now()) from raw.st_customers where st_id = 101"))
	require.True(t, get[bool](f.fixture, "select modified_on is null and fetched_at = 'epoch' and name = 'bare' from raw.st_customers where st_id = 102"))
	require.Equal(t, "J7 High 1 10.25", get[string](f.fixture, "select concat_ws(' ', job_number, priority, customer_id, total) from raw.st_jobs where tenant_id = 42 and st_id = 7"))
	require.Equal(t, "1.50 t", get[string](f.fixture, "select concat_ws(' ', total, active) from raw.st_invoices where tenant_id = 42 and st_id = 9007199254740993"))

	// Views, grants and comments are unchanged.
	require.Equal(t, int64(50), get[int64](f.fixture, "select count(*) from public.rich"))
	require.Equal(t, "who we know", get[string](f.fixture, "select obj_description('public.people'::regclass, 'pg_class')"))
	require.Equal(t, "{security_barrier=true}", get[string](f.fixture, "select reloptions::text from pg_class where oid = 'public.rich'::regclass"))
	var seen int
	require.NoError(t, f.worker.QueryRow(t.Context(), "select count(*) from public.people").Scan(&seen))
	require.Equal(t, 52, seen)
	require.NoError(t, f.worker.QueryRow(t.Context(), "select count(name) from public.rich").Scan(&seen))
	require.Equal(t, int64(0), get[int64](f.fixture, "select count(*) from public.estimated"))

	_, err = f.worker.Exec(t.Context(), "update raw.st_customers set active = active where st_id = 1")
	require.NoError(t, err, "a published table needs a replica identity")

	e := find(t, "estimates")
	full := f.beginFull("r", "estimates")
	f.storePage(full, e, f.open(full, e), page(at(0), "1", true, entity.Record{ID: "5", Raw: []byte(`{"id": 5}`)}))
	require.Equal(t, int64(1), get[int64](f.fixture, "select count(*) from raw.st_estimates where number = 1 and note is null"), "columns that lazisync does not know")

	// The timestamps of the legacy worker are shown.
	customers := f.state(find(t, "customers"))
	require.Equal(t, time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), customers.LastFullSync)
	require.EqualValues(t, 102, customers.Records)
	jobs := f.state(find(t, "jobs"))
	require.Equal(t, time.Date(2026, 3, 1, 3, 5, 0, 0, time.UTC), jobs.LastFullSync)
	require.EqualValues(t, 1, jobs.Records)
	states, err := f.States(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, states, 4, "one per table, whatever other names the legacy worker used")
}

// An adopted table needs a full sync before its first incremental.
func TestLegacyTimestampsAreNoResumePoint(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	f.adopt()
	c := find(t, "customers")
	skipped := f.open(f.beginIncremental("i1", 1, "customers"), c)
	require.Equal(t, events.StatusSkipped, skipped.Status)
	require.Equal(t, "adopted, needs a full sync", skipped.SkippedReason)

	run := f.beginFull("r", "customers")
	f.storePage(run, c, f.open(run, c), page(at(0), "after full", true, customer(1, at(0), "x")))
	f.finalize(run, ledger.Finalization{State: ledger.Completed})
	require.Equal(t, "after full", f.open(f.beginIncremental("i2", 2, "customers"), c).Cursor.Token)
}

func TestMigrateReportsEveryProblemBeforeItChangesATable(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, `;
		alter table raw.st_customers add unique (st_id, name), alter type type int[] using null;
		insert into raw.st_invoices (st_id) values ('007');
		update raw.st_jobs set full_data = '{"note": "\u0000"}';
		alter table raw.st_estimates add run_number int;
		create materialized view public.kept as select total from raw.st_jobs;
		alter table raw.sync_state drop constraint sync_state_pkey`, tenant)
	_, err := f.Migrate(t.Context())
	for _, want := range []string{
		"nothing was changed",
		"raw.st_customers: constraint st_customers_st_id_name_key of raw.st_customers, UNIQUE (st_id, name), is not supported: drop it",
		"raw.st_customers: column type is integer[], want text or a type that converts to it safely",
		`raw.st_invoices: column st_id is text and does not convert to bigint: st_id 007 has "007"`,
		"raw.st_jobs: column full_data is json and does not convert to jsonb: unsupported Unicode escape sequence",
		"raw.st_jobs: public.kept reads a column whose type must change, and is not an ordinary view",
		"raw.st_estimates: has a column run_number, a name that lazisync needs",
		"raw.sync_state: want PRIMARY KEY (table_name)",
	} {
		require.ErrorContains(t, err, want)
	}
	require.Zero(t, get[int](f.fixture, "select count(*) from pg_attribute where attname = 'tenant_id'"))
	require.Zero(t, get[int](f.fixture, "select count(*) from pg_class where relname = 'sync_runs'"))
}

func TestAdoptionNeedsTheTenant(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "")
	_, err := f.Migrate(t.Context())
	require.ErrorContains(t, err, "want their tenant in SERVICETITAN_TENANT_ID, got 0 tenants")
	require.Zero(t, get[int](f.fixture, "select count(*) from pg_class where relname = 'sync_runs'"))
}

// TestInterruptedAdoptionResumes locks a table, so that Migrate fails after it has adopted
// others.
func TestInterruptedAdoptionResumes(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	busy, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = busy.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = busy.Exec(t.Context(), "lock table raw.st_jobs in share mode")
	require.NoError(t, err)
	impatient := openFor(t, f.url+"&lock_timeout=100ms", tenant)
	applied, err := impatient.Migrate(t.Context())
	require.ErrorContains(t, err, "adopt raw.st_jobs")
	require.Contains(t, applied, "adopted raw.st_invoices for tenant 42")
	f.write(500, at(1), "in between")
	require.Equal(t, "in between", f.version(500).Name)
	require.NoError(t, busy.Rollback(t.Context()))

	applied, err = f.Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{
		"adopted raw.st_jobs for tenant 42", "column raw.st_customers.fingerprint", "column raw.st_jobs.fingerprint",
		"column raw.st_invoices.fingerprint", "column raw.st_estimates.fingerprint",
	}, applied)
	require.NoError(t, f.CheckSchema(t.Context()))
	require.EqualValues(t, 103, f.state(find(t, "customers")).Records)
}
