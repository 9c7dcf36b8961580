package store_test

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/pgserver/pgtest"
	"github.com/lazi/lazisync/internal/store"
)

//go:embed testdata/earlier.sql
var earlierSchema string

// earlier is a database of an earlier program, with that program's own way in.
type earlier struct {
	*fixture
	program *pgxpool.Pool // connects with the earlier program's role, which owns nothing
}

// newEarlier makes the database and, where change is not "", changes it.
func newEarlier(t *testing.T, change string, tenants ...string) *earlier {
	t.Helper()
	url := pgtest.Database(t)
	db := openPool(t, url)
	// Roles are of the whole server: each test has one of its own.
	role := "earlier_" + strings.ToLower(rand.Text())
	_, err := db.Exec(t.Context(), strings.ReplaceAll(earlierSchema, "ROLE", role)+change)
	require.NoError(t, err)
	t.Cleanup(func() {
		// The test's context has ended by now.
		_, err := db.Exec(context.Background(), fmt.Sprintf("drop owned by %[1]s; drop role %[1]s", role))
		require.NoError(t, err)
	})
	cfg, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "set role "+role)
		return err
	}
	program, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(program.Close)
	return &earlier{&fixture{TB: t, Store: openFor(t, url, tenants...), url: url, db: db}, program}
}

func openFor(t testing.TB, url string, tenants ...string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{MaxConns: 12, Entities: few, Tenants: tenants, Logger: zerolog.New(zerolog.NewTestWriter(t))})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func (f *earlier) adopt() {
	f.Helper()
	_, err := f.Migrate(f.Context())
	require.NoError(f, err)
	require.NoError(f, f.CheckSchema(f.Context()))
}

// upsert is the earlier program's statement for a customer.
const upsert = `
	insert into raw.st_customers (st_id, name, type, active, balance, full_data, fetched_at) values ($1, $2, 'Residential', true, 1.5, $3, now())
	on conflict (st_id) do update set name = excluded.name, type = excluded.type, active = excluded.active, balance = excluded.balance,
		full_data = excluded.full_data, fetched_at = now()`

// write has the earlier program store a version of a customer.
func (f *earlier) write(id int, modified time.Time, name string) {
	f.Helper()
	_, err := f.program.Exec(f.Context(), upsert, id, "written as "+name,
		fmt.Sprintf(`{"id": %d, "name": %q, "balance": 7.125, "modifiedOn": %q}`, id, name, modified.Format(time.RFC3339Nano)))
	require.NoError(f, err)
}

func TestAdoption(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "", tenant)
	const identity = `select string_agg(relname || oid, ' ' order by relname) from pg_class where relnamespace = 'raw'::regnamespace
		and relname in ('st_customers', 'st_estimates', 'st_invoices', 'st_jobs', 'sync_state', 'customers_by_active')`
	before := get[string](f.fixture, identity)
	require.ErrorContains(t, f.CheckSchema(t.Context()), "run lazisync migrate")
	_, err := f.Tenants(t.Context())
	require.ErrorContains(t, err, "raw.st_customers is of an earlier program")
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
	require.Equal(t, before, get[string](f.fixture, identity), "the tables and indexes are the same ones")

	// Rows have a tenant, and what their record says.
	require.Equal(t, "c1 Residential f 12.505 2026-03-01 11:00:00.123456 2026-01-02 00:00:00 2026-03-01 11:30:00 0",
		get[string](f.fixture, `select concat_ws(' ', name, type, active, balance, modified_on at time zone 'UTC', created_on at time zone 'UTC', fetched_at at time zone 'UTC', run_number)
			from raw.st_customers where tenant_id = 42 and st_id = 1`))
	require.Equal(t, "no record {} t", get[string](f.fixture, "select concat_ws(' ', name, full_data, fetched_at <= now()) from raw.st_customers where st_id = 101"))
	require.True(t, get[bool](f.fixture, "select modified_on is null and fetched_at = 'epoch' and name = 'bare' from raw.st_customers where st_id = 102"))
	require.Equal(t, "J7 High 1 10.25", get[string](f.fixture, "select concat_ws(' ', job_number, priority, customer_id, total) from raw.st_jobs where tenant_id = 42 and st_id = 7"))
	require.Equal(t, "1.50 t", get[string](f.fixture, "select concat_ws(' ', total, active) from raw.st_invoices where tenant_id = 42 and st_id = 9007199254740993"))

	// Views and what was granted on them are as they were.
	require.Equal(t, int64(50), get[int64](f.fixture, "select count(*) from public.rich"))
	require.Equal(t, "who we know", get[string](f.fixture, "select obj_description('public.people'::regclass, 'pg_class')"))
	require.Equal(t, "{security_barrier=true}", get[string](f.fixture, "select reloptions::text from pg_class where oid = 'public.rich'::regclass"))
	var seen int
	require.NoError(t, f.program.QueryRow(t.Context(), "select count(*) from public.people").Scan(&seen))
	require.Equal(t, 52, seen)
	require.NoError(t, f.program.QueryRow(t.Context(), "select count(name) from public.rich").Scan(&seen))
	require.Equal(t, int64(0), get[int64](f.fixture, "select count(*) from public.estimated"))

	// What the earlier program says of its syncs is shown.
	customers := f.state(find(t, "customers"))
	require.Equal(t, time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), customers.LastFullSync)
	require.EqualValues(t, 102, customers.Records)
	jobs := f.state(find(t, "jobs"))
	require.Equal(t, time.Date(2026, 3, 1, 3, 5, 0, 0, time.UTC), jobs.LastFullSync)
	require.EqualValues(t, 1, jobs.Records)
	states, err := f.States(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, states, 4, "one for each table, whatever names the earlier program used")
}

// TestEarlierTimestampsAreNoResumePoint goes from a skipped incremental through a full
// sync to one that goes on from it.
func TestEarlierTimestampsAreNoResumePoint(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "", tenant)
	f.adopt()
	c := find(t, "customers")
	skipped := f.open(f.beginIncremental("i1", 1, "customers"), c)
	require.Equal(t, events.StatusSkipped, skipped.Status)
	require.Equal(t, "adopted, needs a full sync", skipped.SkippedReason)

	run := f.beginFull("r", "customers")
	f.storePage(run, c, f.open(run, c), page(at(0), "after full", true, customer(1, at(0), "x")))
	f.decide(run, ledger.Decision{State: ledger.Completed})
	require.Equal(t, "after full", f.open(f.beginIncremental("i2", 2, "customers"), c).Cursor.Token)
}

// TestEarlierStatementsKeepTheOrderOfVersions mixes the statements of the earlier program with lazisync's pages.
func TestEarlierStatementsKeepTheOrderOfVersions(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "", tenant)
	f.adopt()
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(5), "1", false,
		customer(1, at(2), "newer"), customer(5, time.Time{}, "without modifiedOn"), customer(2, at(2), "same"), customer(3, at(2), "older"), gone(customer(4, at(2), "deleted"))))
	require.EqualValues(t, 4, p.Updated)
	require.EqualValues(t, 1, p.Deleted)

	f.write(1, at(1), "late")
	require.Equal(t, version{"newer", false, run.Number}, f.version(1), "an older version does not replace a newer one")
	f.write(2, at(2), "the earlier program's form of it")
	require.Equal(t, version{"same", false, run.Number}, f.version(2), "the version is here already, as it was received")
	f.write(5, at(3), "perhaps read before")
	require.Equal(t, version{"without modifiedOn", false, run.Number}, f.version(5), "nothing says that it is newer")
	f.write(3, at(3), "edited")
	require.Equal(t, version{"edited", false, 0}, f.version(3), "a newer version does, and no run of lazisync's changed the row")
	require.Equal(t, "7.125", get[string](f.fixture, "select balance::text from raw.st_customers where st_id = 3"), "columns are those of the record")
	f.write(4, at(3), "deleted")
	require.True(t, f.version(4).Deleted, "whether it lives again is for lazisync to find out")
	f.write(500, at(3), "new")
	require.Equal(t, version{"new", false, 0}, f.version(500))
	require.Equal(t, at(3), get[time.Time](f.fixture, "select modified_on from raw.st_customers where tenant_id = 42 and st_id = 500").UTC())

	p = f.storePage(run, c, p, page(at(6), "2", false, customer(3, at(2), "older"), customer(500, at(4), "newer")))
	require.Equal(t, version{"edited", false, 0}, f.version(3))
	require.Equal(t, version{"newer", false, run.Number}, f.version(500))
	// Within one run, a page may change a row twice.
	f.storePage(run, c, p, page(at(7), "3", true, customer(500, at(4), "read again")))
	require.Equal(t, "read again", f.version(500).Name)

	// An earlier statement that brings the same record leaves the run that changed it.
	_, err := f.program.Exec(t.Context(), `update raw.st_customers set fetched_at = now(), name = 'touched' where st_id = 500`)
	require.NoError(t, err)
	require.Equal(t, version{"read again", false, run.Number}, f.version(500))
}

func TestEarlierStatementsOnSyncState(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "", tenant)
	f.adopt()
	write := func(table string) {
		_, err := f.program.Exec(t.Context(), `
			insert into raw.sync_state (table_name, last_full_sync, last_incremental_sync, records_count, sync_status) values ($1, $2, now(), $3, $4)
			on conflict (table_name) do update set last_full_sync = excluded.last_full_sync, last_incremental_sync = excluded.last_incremental_sync,
				records_count = excluded.records_count, sync_status = excluded.sync_status`, table, at(9), 3, nil)
		require.NoError(t, err)
	}
	write("raw.st_customers")
	write("customers")
	s := f.state(find(t, "customers"))
	require.Equal(t, at(9), s.LastFullSync)
	require.EqualValues(t, 102, s.Records, "lazisync's count goes on from what there is")
	require.Equal(t, "adopted, needs a full sync", f.open(f.beginIncremental("i", 1, "customers"), find(t, "customers")).SkippedReason)
	require.EqualValues(t, 3, get[int](f.fixture, "select records_count from raw.sync_state where table_name = 'customers' and tenant_id = 42"))
}

func TestSecondTenantWaitsForTheEndOfTheAdoption(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "", tenant)
	f.adopt()
	c := find(t, "customers")
	const refusal = "tenant 43: the database was adopted from an earlier program for tenant 42 and takes no other before lazisync migrate --finish-adoption"
	both := openFor(t, f.url, tenant, "43")
	_, err := both.Migrate(t.Context())
	require.ErrorContains(t, err, refusal)
	require.ErrorContains(t, both.CheckSchema(t.Context()), refusal)
	x, err := both.Examine(t.Context(), store.StoresPages)
	require.NoError(t, err)
	require.Equal(t, tenant, x.AdoptedFor)
	require.ErrorContains(t, x.Refused, refusal)

	second := func(name string) ledger.Run {
		q := request(events.Full, name, "customers")
		q.TenantID = "43"
		f.receive(q)
		run, _, err := f.BeginRun(t.Context(), ledger.Begin{TenantID: "43", Mode: events.Full, WorkflowID: q.WorkflowID, FirstRunID: name, Pass: 1, RequestID: q.ID})
		require.NoError(t, err)
		return run
	}
	run := second("a")
	_, err = f.Open(t.Context(), run.Number, "43", events.Full, c)
	require.ErrorContains(t, err, refusal)
	var permanent interface{ Permanent() bool }
	require.ErrorAs(t, err, &permanent)
	require.True(t, permanent.Permanent())
	require.NoError(t, f.FailEntity(t.Context(), run.Number, "43", c, events.RunError{Type: events.ValidationError, Message: refusal}))

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
	x, err = both.Examine(t.Context(), store.StoresPages)
	require.NoError(t, err)
	require.Empty(t, x.AdoptedFor)
	require.NoError(t, x.Refused)

	run = second("b")
	p, err := f.Open(t.Context(), run.Number, "43", events.Full, c)
	require.NoError(t, err)
	_, err = f.StorePage(t.Context(), "43", events.Full, c, p, page(at(0), "1", true, customer(1, at(0), "of 43")))
	require.NoError(t, err)
	require.EqualValues(t, 2, get[int](f.fixture, "select count(*) from raw.st_customers where st_id = 1"))
	_, err = f.program.Exec(t.Context(), upsert, 1, "late", `{"id": 1}`)
	require.ErrorContains(t, err, "no unique or exclusion constraint matching the ON CONFLICT specification")

	// What is left is what a new database has.
	fresh := newFixture(t)
	const keys = `select string_agg(conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid), e'\n' order by conrelid::regclass::text)
		from pg_constraint where conrelid in ('raw.st_customers'::regclass, 'raw.st_jobs'::regclass, 'raw.sync_state'::regclass) and contype <> 'n'`
	require.Equal(t, get[string](fresh, keys), get[string](f.fixture, keys))
	require.Zero(t, get[int](f.fixture, "select count(*) from pg_proc where proname like '%adopted'"))
	skipped := f.open(f.beginIncremental("i", 1, "jobs"), find(t, "jobs"))
	require.Equal(t, "adopted, needs a full sync", skipped.SkippedReason)
}

// TestWhatCannotBeAdoptedIsSaidBeforeAnythingChanges names every problem at once.
func TestWhatCannotBeAdoptedIsSaidBeforeAnythingChanges(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, `;
		alter table raw.st_customers add unique (st_id, name), alter type type int[] using null;
		insert into raw.st_invoices (st_id) values ('007');
		update raw.st_jobs set full_data = '{"note": "\u0000"}';
		alter table raw.st_estimates add run_number int;
		create materialized view public.kept as select total from raw.st_jobs;
		alter table raw.sync_state drop constraint sync_state_pkey`, tenant)
	_, err := f.Migrate(t.Context())
	for _, want := range []string{
		"nothing was changed",
		"raw.st_customers: constraint st_customers_st_id_name_key of raw.st_customers, UNIQUE (st_id, name), would not hold: drop it",
		"raw.st_customers: column type is integer[], want text or what converts to it safely",
		`raw.st_invoices: column st_id is text and does not convert to bigint: st_id 007 has "007"`,
		"raw.st_jobs: column full_data is json and does not convert to jsonb: unsupported Unicode escape sequence",
		"raw.st_jobs: public.kept reads a column whose type must change, and is no plain view",
		"raw.st_estimates: has a column run_number already",
		"raw.sync_state: want PRIMARY KEY (table_name)",
	} {
		require.ErrorContains(t, err, want)
	}
	require.Zero(t, get[int](f.fixture, "select count(*) from pg_attribute where attname = 'tenant_id'"))
	require.Zero(t, get[int](f.fixture, "select count(*) from pg_class where relname = 'sync_runs'"))
}

func TestAdoptionNeedsTheTenant(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "")
	_, err := f.Migrate(t.Context())
	require.ErrorContains(t, err, "want the one tenant they are of, in SERVICETITAN_TENANT_ID, and got 0")
	require.Zero(t, get[int](f.fixture, "select count(*) from pg_class where relname = 'sync_runs'"))
}

// TestAdoptionGoesOnAfterItWasInterrupted keeps a table locked, so that migrating fails
// after it has adopted others.
func TestAdoptionGoesOnAfterItWasInterrupted(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "", tenant)
	busy, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = busy.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = busy.Exec(t.Context(), "lock table raw.st_jobs in share mode")
	require.NoError(t, err)
	hasty := openFor(t, f.url+"&lock_timeout=100ms", tenant)
	applied, err := hasty.Migrate(t.Context())
	require.ErrorContains(t, err, "adopt raw.st_jobs")
	require.Contains(t, applied, "adopted raw.st_invoices for tenant 42")
	f.write(500, at(1), "in between")
	require.Equal(t, "in between", f.version(500).Name)
	require.NoError(t, busy.Rollback(t.Context()))

	applied, err = f.Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"adopted raw.st_jobs for tenant 42"}, applied)
	require.NoError(t, f.CheckSchema(t.Context()))
	require.EqualValues(t, 103, f.state(find(t, "customers")).Records)
}

// TestEarlierStatementsBesideAFullSync has both insert the same new records at the same
// time, in opposite orders: each statement of the earlier program succeeds, no record is
// rejected, and the newest version of each stands.
func TestEarlierStatementsBesideAFullSync(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "", tenant)
	f.adopt()
	c := find(t, "customers")
	const pages, size, first = 20, 100, 1000
	run := f.beginFull("r", "customers")
	var writers errgroup.Group
	for w := range 3 {
		writers.Go(func() error {
			for id := first + pages*size - 1; id >= first; id-- {
				// Every third version of the earlier program is the newer one.
				modified := at(1)
				if id%3 == 0 {
					modified = at(3)
				}
				if id%4 != w {
					continue
				}
				if _, err := f.program.Exec(t.Context(), upsert, id, "x", fmt.Sprintf(`{"id": %d, "name": "earlier", "modifiedOn": %q}`, id, modified.Format(time.RFC3339))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	p := f.open(run, c)
	for n := range pages {
		var records []entity.Record
		for id := first + n*size; id < first+(n+1)*size; id++ {
			records = append(records, customer(id, at(2), "lazisync"))
		}
		p = f.storePage(run, c, p, page(at(2), fmt.Sprint(n), n == pages-1, records...))
	}
	require.NoError(t, writers.Wait())
	require.EqualValues(t, pages*size, p.Fetched)
	require.Zero(t, p.Rejected)
	require.Equal(t, int64(0), get[int64](f.fixture, `select count(*) from raw.st_customers where st_id >= $1
		and name <> case when st_id % 3 = 0 and st_id % 4 <> 3 then 'earlier' else 'lazisync' end`, first))
	_, err := f.Migrate(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 102+pages*size, f.state(c).Records, "migrating counts anew what two wrote")
}

// TestPageMeetsARowThatIsBeingInserted holds an earlier statement at the one moment in
// which lazisync cannot see its row coming: the row is in the index of the earlier key
// and not yet in that of the primary key.
func TestPageMeetsARowThatIsBeingInserted(t *testing.T) {
	t.Parallel()
	f := newEarlier(t, "", tenant)
	f.adopt()
	// Rows enter indexes in the order in which those were made.
	f.exec(`create function public.held(id bigint) returns bigint immutable language plpgsql as $$
		begin
			if current_setting('test.held', true) = 'on' then perform pg_advisory_xact_lock_shared(1); end if;
			return id;
		end $$;
		alter table raw.st_customers drop constraint st_customers_tenant_pkey;
		create index between on raw.st_customers (public.held(st_id));
		alter table raw.st_customers add constraint st_customers_tenant_pkey primary key (tenant_id, st_id)`)
	holder, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = holder.Exec(t.Context(), "select pg_advisory_xact_lock(1)")
	require.NoError(t, err)
	waiting := func(kind string) {
		require.Eventually(t, func() bool {
			return get[bool](f.fixture, "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and wait_event = any(string_to_array($1, ',')))", kind)
		}, time.Minute, 5*time.Millisecond)
	}

	var inserting errgroup.Group
	inserting.Go(func() error {
		return pgx.BeginFunc(t.Context(), f.program, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "set local test.held = 'on'"); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), upsert, 500, "x", `{"id": 500, "name": "earlier", "modifiedOn": "2026-03-01T12:01:00Z"}`)
			return err
		})
	})
	waiting("advisory")
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	at0 := f.open(run, c)
	var storing errgroup.Group
	var p ledger.Position
	storing.Go(func() (err error) {
		p, err = f.StorePage(t.Context(), tenant, run.Mode, c, at0, page(at(2), "1", true, customer(500, at(2), "lazisync")))
		return err
	})
	waiting("transactionid,spectoken")
	require.NoError(t, holder.Rollback(t.Context()))
	require.NoError(t, inserting.Wait(), "the earlier statement never fails")
	require.NoError(t, storing.Wait())
	require.Zero(t, p.Rejected)
	require.Equal(t, version{"lazisync", false, run.Number}, f.version(500))
}

// TestWayBackAfterTheEnd follows what docs/migrating.md tells who wants the earlier
// program back after the adoption was finished.
func TestWayBackAfterTheEnd(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/migrating.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(document), "```sql\n")
	require.True(t, found)
	statements, _, _ := strings.Cut(rest, "```")
	require.Contains(t, statements, "default 1039746210")
	f := newEarlier(t, "", tenant)
	f.adopt()
	_, err = f.FinishAdoption(t.Context())
	require.NoError(t, err)

	f.exec(strings.ReplaceAll(statements, "1039746210", tenant))
	_, err = f.program.Exec(t.Context(), upsert, 1, "back", `{"id": 1}`)
	require.NoError(t, err)
	require.Equal(t, version{"back", false, 0}, f.version(1))
	_, err = f.program.Exec(t.Context(), `insert into raw.sync_state (table_name, records_count) values ('raw.st_customers', 3)
		on conflict (table_name) do update set records_count = excluded.records_count`)
	require.NoError(t, err)
}
