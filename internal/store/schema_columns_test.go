package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// build is a version of the program, as far as the columns of customers go.
type build struct {
	*fixture
	customers entity.Entity
}

// newBuild is a build whose customers lack some columns, on a database of its own that it migrated.
func newBuild(t *testing.T, lacks ...string) build {
	t.Helper()
	url := pgtest.Database(t)
	b := build{&fixture{TB: t, url: url, db: openPool(t, url)}, find(t, "customers")}.with(lacks...)
	b.migrate()
	return b
}

// with is another build that uses the database.
func (b build) with(lacks ...string) build {
	b.Helper()
	e := find(b, "customers")
	e.Columns = slices.DeleteFunc(slices.Clone(e.Columns), func(c entity.Column) bool { return slices.Contains(lacks, c.Name) })
	return b.of(e)
}

func (b build) of(e entity.Entity) build {
	b.Helper()
	s, err := store.Open(b.Context(), b.url, store.Options{MaxConns: 8, Entities: []entity.Entity{e}, Logger: zerolog.New(zerolog.NewTestWriter(b))})
	require.NoError(b, err)
	b.Cleanup(s.Close)
	f := *b.fixture
	f.Store = s
	return build{&f, e}
}

func (b build) migrate() (applied []string) {
	b.Helper()
	applied, err := b.Migrate(b.Context())
	require.NoError(b, err)
	require.NoError(b, b.CheckSchema(b.Context()))
	return applied
}

// wrong counts the rows whose columns are not what the build's definitions make of full_data.
func (b build) wrong() int64 {
	b.Helper()
	var names, values []string
	for _, c := range b.customers.Columns {
		names, values = append(names, c.Name), append(values, store.PickSQL(c))
	}
	return get[int64](b.fixture, fmt.Sprintf("select count(*) from raw.st_customers where (%s) is distinct from (%s)",
		strings.Join(names, ", "), strings.Join(values, ", ")))
}

// untold stores customers as a build from before tables had triggers and fingerprints.
func (b build) untold(run int64, minute int, records ...entity.Record) error {
	var names, values, sets strings.Builder
	for _, c := range b.customers.Columns {
		fmt.Fprintf(&names, "%s, ", c.Name)
		fmt.Fprintf(&values, "%s, ", store.PickSQL(c))
		fmt.Fprintf(&sets, "%[1]s = excluded.%[1]s, ", c.Name)
	}
	return pgx.BeginFunc(b.Context(), b.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.Context(), "set local lazisync.writer = 'on'"); err != nil {
			return err
		}
		for _, r := range records {
			_, err := tx.Exec(b.Context(), fmt.Sprintf(`
				insert into raw.st_customers as kept (tenant_id, st_id, %smodified_on, full_data, fetched_at, run_number)
				select 42, $1::text::bigint, %s$2, full_data, $4, $5 from (select $3::jsonb as full_data) page
				on conflict (tenant_id, st_id) do update set %smodified_on = excluded.modified_on, full_data = excluded.full_data,
					fetched_at = excluded.fetched_at, run_number = excluded.run_number, deleted_at = null
				where excluded.modified_on >= kept.modified_on and kept.full_data is distinct from excluded.full_data`, &names, &values, &sets),
				r.ID, r.ModifiedOn, r.Raw, at(minute), run)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// numbered are customers whose every column differs with the version.
func numbered(from, to, version int) (records []entity.Record) {
	for id := from; id <= to; id++ {
		raw := fmt.Sprintf(`{"id": %d, "name": "c%d.%d", "type": "t%[3]d", "active": %t, "balance": "%[3]d.50", "mergedToId": %[3]d, "createdOn": "2026-01-02T00:00:%02[3]dZ"}`,
			id, id, version, version%2 == 0)
		records = append(records, entity.Record{ID: fmt.Sprint(id), ModifiedOn: at(version), Raw: []byte(raw)})
	}
	return records
}

// TestColumnsAreCorrectForEveryWriter has builds with and without a new column, and one from
// before there were triggers, write the same rows before, while and after a migration adds it.
func TestColumnsAreCorrectForEveryWriter(t *testing.T) {
	t.Parallel()
	old := newBuild(t, "balance", "type")
	run := old.beginFull("r", "customers")
	p := old.storePage(run, old.customers, old.open(run, old.customers), page(at(1), "1", false, numbered(1, 60, 1)...))
	require.Zero(t, old.wrong())

	next := old.with()
	require.Equal(t, []string{"column raw.st_customers.type", "column raw.st_customers.balance"}, next.migrate())
	require.Zero(t, next.wrong(), "rows that were there are filled")
	p = old.storePage(run, old.customers, p, page(at(2), "2", false, slices.Concat(numbered(21, 40, 2), numbered(61, 70, 2))...))
	require.Zero(t, next.wrong(), "the older build updated and inserted rows")
	require.NoError(t, old.untold(run.Number, 3, slices.Concat(numbered(31, 50, 3), numbered(71, 80, 3))...))
	require.Zero(t, next.wrong(), "so did one that knows of no trigger")
	old.exec("update raw.st_customers set full_data = full_data || '{\"balance\": 7, \"type\": null}' where st_id in (1, 35)")
	require.Zero(t, next.wrong(), "so did a person")
	p = next.storePage(run, next.customers, p, page(at(4), "4", false, slices.Concat(numbered(35, 45, 4), numbered(81, 85, 4))...))
	p = old.storePage(run, old.customers, p, page(at(5), "5", false, numbered(35, 85, 5)...))
	require.Zero(t, next.wrong())

	before := get[int64](old.fixture, "select count(*) from raw.st_customers where run_number = $1", run.Number)
	require.EqualValues(t, 85, before)
	next.storePage(run, next.customers, p, page(at(6), "6", true, numbered(1, 85, 5)...))
	require.Zero(t, next.wrong())
	require.Empty(t, next.migrate())
}

// TestColumnsWhileAllVersionsWrite has three builds store pages of the same rows while the
// newest migrates.
func TestColumnsWhileAllVersionsWrite(t *testing.T) {
	t.Parallel()
	old := newBuild(t, "balance", "type")
	next := old.with()
	first := old.beginFull("seed", "customers")
	old.storePage(first, old.customers, old.open(first, old.customers), page(at(0), "1", true, numbered(1, 2000, 0)...))
	old.finalize(first, ledger.Finalization{State: ledger.Completed})

	run := old.beginFull("r", "customers")
	var writers errgroup.Group
	migrated := make(chan struct{})
	writers.Go(func() error {
		p, err := old.Open(t.Context(), run.Target(old.customers))
		for version := 1; err == nil && version <= 20; version++ {
			if version == 18 {
				<-migrated
			}
			p, err = old.StorePage(t.Context(), run.Target(old.customers), p, page(at(version), fmt.Sprint(version), false, numbered(1+50*version, 600+50*version, version)...))
		}
		return err
	})
	writers.Go(func() error {
		for version := 1; version <= 20; version++ {
			if version == 18 {
				<-migrated
			}
			if err := old.untold(run.Number, version, numbered(2000-60*version, 2300-60*version, version)...); err != nil {
				return err
			}
		}
		return nil
	})
	next.migrate()
	close(migrated)
	require.NoError(t, writers.Wait())
	require.Zero(t, next.wrong())
}

// held has a column being filled wait at a row, until release is called. Only the row is locked.
func (b build) held(id int) (release func()) {
	b.Helper()
	b.exec(`create function public.held() returns trigger language plpgsql as $$
		begin
			perform pg_advisory_xact_lock_shared(1);
			return new;
		end $$`)
	b.exec(fmt.Sprintf("create trigger held before update on raw.st_customers for each row when (new.st_id = %d) execute function public.held()", id))
	tx, err := b.db.Begin(b.Context())
	require.NoError(b, err)
	release = func() { _ = tx.Rollback(context.WithoutCancel(b.Context())) }
	b.Cleanup(release)
	_, err = tx.Exec(b.Context(), "select pg_advisory_xact_lock(1)")
	require.NoError(b, err)
	return release
}

// waiting waits until somebody waits for a lock of a kind.
func (b build) waiting(event string) {
	b.Helper()
	require.Eventually(b, func() bool {
		return get[bool](b.fixture, "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and wait_event = $1)", event)
	}, time.Minute, 5*time.Millisecond)
}

const manyRows = 12_000

// many makes a table of many rows.
func (b build) many() {
	b.Helper()
	b.exec(`insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number)
		select 42, i, jsonb_build_object('id', i, 'name', 'c' || i, 'type', 't', 'balance', i), '2026-03-01Z', 777 from generate_series(1, $1::int) i`, manyRows)
}

// TestFillingBlocksNoWriter stops a migration in the middle of filling a column and looks at
// what others can do meanwhile; then it is killed, and the next one fills the rest.
func TestFillingBlocksNoWriter(t *testing.T) {
	t.Parallel()
	old := newBuild(t, "balance", "type")
	old.many()
	run := old.beginFull("r", "customers")
	release := old.held(manyRows / 2)
	next := old.with()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	killed := make(chan error, 1)
	go func() {
		_, err := next.Migrate(ctx)
		killed <- err
	}()
	old.waiting("advisory")

	require.Zero(t, get[int64](old.fixture, "select count(*) from pg_locks where relation = 'raw.st_customers'::regclass and mode in ('ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"),
		"no lock that keeps readers or writers out")
	require.EqualValues(t, manyRows, get[int64](old.fixture, "select count(*) from raw.st_customers"), "readers read")
	require.Greater(t, get[int64](old.fixture, "select count(*) from raw.st_customers where balance = st_id"), int64(0), "what was filled is there already")
	old.storePage(run, old.customers, old.open(run, old.customers), page(at(1), "1", false, numbered(manyRows, manyRows+10, 1)...))
	require.EqualValues(t, 0, get[int64](old.fixture, "select count(*) from raw.st_customers where run_number = $1 and balance is distinct from 1.5", run.Number), "writers write, and what they write is right")
	require.NoError(t, next.CheckSchema(t.Context()), "the next build's roles may start")

	kill()
	require.Error(t, <-killed)
	release()
	require.NotZero(t, next.wrong())
	var two errgroup.Group // at once
	for range 2 {
		two.Go(func() error {
			_, err := next.Migrate(t.Context())
			return err
		})
	}
	require.NoError(t, two.Wait())
	require.Zero(t, next.wrong())
	require.EqualValues(t, 1, get[int64](old.fixture, "select count(distinct run_number) from raw.st_customers where run_number <> $1", run.Number), "no run changed the rows that were filled")
}

// TestAddingAColumnBlocksNoWriterWhileItWaits migrates while a transaction that has read the
// table stays open, as that of a backup does.
func TestAddingAColumnBlocksNoWriterWhileItWaits(t *testing.T) {
	t.Parallel()
	old := newBuild(t, "balance")
	reader, err := old.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = reader.Exec(t.Context(), "select count(*) from raw.st_customers")
	require.NoError(t, err)
	migrated := make(chan error, 1)
	next := old.with()
	go func() {
		_, err := next.Migrate(t.Context())
		migrated <- err
	}()
	for range 3 {
		old.waiting("relation")
		require.NoError(t, pgx.BeginFunc(t.Context(), old.db, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "set local lock_timeout = '4s'; select count(*) from raw.st_customers")
			return err
		}), "another reader waits for a moment at most")
	}
	select {
	case err := <-migrated:
		require.Fail(t, "migrating ended before the reader did", "%v", err)
	default:
	}
	require.NoError(t, reader.Rollback(t.Context()))
	require.NoError(t, <-migrated)
	require.NoError(t, next.CheckSchema(t.Context()))
}

// TestFillingDoesNotDoubleTheTable fills a column in which every row changes.
func TestFillingDoesNotDoubleTheTable(t *testing.T) {
	t.Parallel()
	old := newBuild(t, "balance", "type")
	const rows = 120_000
	old.exec(`insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number)
		select 42, i, jsonb_build_object('id', i, 'name', 'c' || i, 'type', 't', 'balance', i), '2026-03-01Z', 777 from generate_series(1, $1::int) i`, rows)
	old.exec("vacuum analyze raw.st_customers")
	before := get[int64](old.fixture, "select pg_table_size('raw.st_customers')")
	next := old.with()
	next.migrate()
	require.Zero(t, next.wrong())
	after := get[int64](old.fixture, "select pg_table_size('raw.st_customers')")
	require.Less(t, float64(after), 1.7*float64(before))
}

// TestBuildsAlternate goes back to the older build and forward again, migrating each time.
func TestBuildsAlternate(t *testing.T) {
	t.Parallel()
	old := newBuild(t, "balance")
	next := old.with()
	run := old.beginFull("r", "customers")
	p := old.storePage(run, old.customers, old.open(run, old.customers), page(at(1), "1", false, numbered(1, 30, 1)...))
	next.migrate()
	p = next.storePage(run, next.customers, p, page(at(2), "2", false, numbered(11, 40, 2)...))
	require.Empty(t, old.migrate(), "the older build leaves what the newer one added")
	p = old.storePage(run, old.customers, p, page(at(3), "3", false, numbered(21, 50, 3)...))
	p = next.storePage(run, next.customers, p, page(at(4), "4", false, numbered(31, 60, 4)...))
	require.Zero(t, next.wrong())
	require.Empty(t, next.migrate())
	old.storePage(run, old.customers, p, page(at(5), "5", true, numbered(1, 70, 5)...))
	require.Zero(t, next.wrong())
}

// TestChangedDefinitions has a column read another field of the record.
func TestChangedDefinitions(t *testing.T) {
	t.Parallel()
	old := newBuild(t)
	e := find(t, "customers")
	e.Columns = slices.Clone(e.Columns)
	i := slices.IndexFunc(e.Columns, func(c entity.Column) bool { return c.Name == "type" })
	e.Columns[i].Path = "name"
	next := old.of(e)
	run := old.beginFull("r", "customers")
	p := old.storePage(run, old.customers, old.open(run, old.customers), page(at(1), "1", false, numbered(1, 30, 1)...))
	next.migrate()
	require.Zero(t, next.wrong())
	p = old.storePage(run, old.customers, p, page(at(2), "2", false, numbered(11, 40, 2)...))
	require.Zero(t, next.wrong(), "whatever the older build thinks")
	old.migrate()
	require.Zero(t, old.wrong(), "the last one that migrated decides")
	p = next.storePage(run, next.customers, p, page(at(3), "3", false, numbered(21, 50, 3)...))
	require.Zero(t, old.wrong())
	next.migrate()
	old.storePage(run, old.customers, p, page(at(4), "4", true, numbered(31, 60, 4)...))
	require.Zero(t, next.wrong())
}

// TestChangedColumnTypesAreRefused keeps a column from getting values of another type.
func TestChangedColumnTypesAreRefused(t *testing.T) {
	t.Parallel()
	old := newBuild(t)
	e := find(t, "customers")
	e.Columns = slices.Clone(e.Columns)
	i := slices.IndexFunc(e.Columns, func(c entity.Column) bool { return c.Name == "type" })
	e.Columns[i].Type = entity.Bigint
	_, err := old.of(e).Migrate(t.Context())
	require.ErrorContains(t, err, "column raw.st_customers.type has type text, want bigint: the type of a column cannot change, use another name")
	require.Empty(t, old.migrate(), "nothing was changed")
}

// TestRemovedColumns stays right for as long as the table has it.
func TestRemovedColumns(t *testing.T) {
	t.Parallel()
	old := newBuild(t)
	next := old.with("balance")
	require.Empty(t, next.migrate())
	run := old.beginFull("r", "customers")
	p := old.storePage(run, old.customers, old.open(run, old.customers), page(at(1), "1", false, numbered(1, 30, 1)...))
	p = next.storePage(run, next.customers, p, page(at(2), "2", false, numbered(11, 40, 2)...))
	require.Zero(t, old.wrong())
	next.exec("alter table raw.st_customers drop column balance")
	require.Empty(t, next.migrate(), "somebody dropped it")
	next.storePage(run, next.customers, p, page(at(3), "3", false, numbered(21, 50, 3)...))
	require.NoError(t, next.untold(run.Number, 4, numbered(31, 60, 4)...))
	require.Zero(t, next.wrong())
}

// TestChangedCasts has a migration replace a function that reads values.
func TestChangedCasts(t *testing.T) {
	t.Parallel()
	b := newBuild(t)
	run := b.beginFull("r", "customers")
	b.storePage(run, b.customers, b.open(run, b.customers), page(at(1), "1", true, numbered(1, 30, 1)...))
	b.exec("create or replace function raw.to_boolean(j jsonb) returns boolean language sql immutable parallel safe as 'select not j::boolean'")
	require.NotZero(t, b.wrong())
	b.migrate()
	require.Zero(t, b.wrong())
}

// TestColumnsOfARebuildAcrossBuilds has builds with different columns load and apply one rebuild.
func TestColumnsOfARebuildAcrossBuilds(t *testing.T) {
	t.Parallel()
	old := newBuild(t, "balance", "type")
	next := old.with()
	run := next.beginFull("seed", "customers")
	old.storePage(run, old.customers, old.open(run, old.customers), page(at(1), "1", true, numbered(1, 30, 1)...))
	old.finalize(run, ledger.Finalization{State: ledger.Completed})
	next.migrate()
	minute := 1
	for made, by := range map[string][3]build{
		"made by the older, loaded by the newer":                   {old, next, next},
		"made by the older, loaded by the newer, applied by it":    {old, next, old},
		"made by the newer, loaded by the older":                   {next, old, next},
		"made and loaded by the newer, applied by the older build": {next, next, old},
		"made and loaded by the older, applied by the newer build": {old, old, next},
	} {
		minute++
		run := old.beginRebuild(made, false)
		at0 := by[0].open(run, by[0].customers)
		at0.Run = run.Number
		p := by[1].storePage(run, by[1].customers, at0, page(at(minute), "1", true, slices.Concat(numbered(1, 10, minute), numbered(11, 30, 1))...))
		p = by[2].check(by[2].customers, p, -1)
		p = by[2].apply(by[2].customers, p)
		require.Zero(t, next.wrong(), made)
		require.EqualValues(t, 10, p.Updated, "%s: only what differs is written", made)
		old.finalize(run, ledger.Finalization{State: ledger.Completed})
	}
}

// TestColumnsOfAnAdoptedTable adds a column to a table whose adoption is not finished.
func TestColumnsOfAnAdoptedTable(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	f.adopt()
	next := find(t, "customers")
	next.Columns = append(slices.Clone(next.Columns), entity.Column{Name: "referred", Path: "referred", Type: entity.Text})
	s, err := store.Open(t.Context(), f.url, store.Options{Entities: []entity.Entity{next}, Tenants: []events.TenantID{tenant}})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	row := func(id int) []string {
		return get[[]string](f.fixture, "select array[name, type, referred, merged_to_id::text, balance::text] from raw.st_customers where st_id = $1", id)
	}
	write := func(record string) {
		_, err := f.worker.Exec(t.Context(), upsert, 500, "written", record)
		require.NoError(t, err)
	}
	write(`{"id": 500, "name": "n", "referred": "r", "mergedToId": 7, "modifiedOn": "2026-03-01T12:01:00Z"}`)
	require.Equal(t, []string{"n", "Residential", "r", "7", "1.5"}, row(500), "a column of the legacy worker keeps its value where the record has none")
	write(`{"id": 500, "modifiedOn": "2026-03-01T12:02:00Z"}`)
	var referred, merged *string
	require.NoError(t, f.db.QueryRow(t.Context(), "select referred, merged_to_id::text from raw.st_customers where st_id = 500").Scan(&referred, &merged))
	require.Nil(t, referred, "a column that it does not know follows the record")
	require.Nil(t, merged)
	require.Equal(t, "no record", f.version(101).Name, "nor does filling take away what only it knew")
}
