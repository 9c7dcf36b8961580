package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

// recordChanges migrates with and without the recording of changes, and returns what was done.
func (f *fixture) recordChanges(on bool) []string {
	f.Helper()
	s, err := store.Open(f.Context(), f.url, store.Options{MaxConns: 2, Entities: few, Changes: on})
	require.NoError(f, err)
	defer s.Close()
	applied, err := s.Migrate(f.Context())
	require.NoError(f, err)
	left, err := s.MismatchedTriggers(f.Context())
	require.NoError(f, err)
	require.Empty(f, left)
	return applied
}

// newRecording is a fixture whose changes are recorded and whose customers have a complete full sync, of
// nothing.
func newRecording(t *testing.T) *fixture {
	f, c := newFixture(t), find(t, "customers")
	f.recordChanges(true)
	run := f.beginFull("first", "customers")
	f.storePage(run, c, f.open(run, c), page(at(0), "first", true))
	f.finalize(run, completed)
	return f
}

// changes are the recorded changes of a run in their order: "1 update name type".
func (f *fixture) changes(run ledger.Run) []string {
	f.Helper()
	return get[[]string](f, `select coalesce(array_agg(concat_ws(' ', st_id, op, nullif(array_to_string(changed_fields, ' '), '')) order by table_name, number), '{}')
		from raw.changes where run_number = $1 and tenant_id = 42`, run.Number)
}

// requireCounted requires that the results of a run have the numbers of its changes.
func (f *fixture) requireCounted(run ledger.Run) {
	f.Helper()
	for _, r := range run.Results {
		require.NotNil(f, r.Changes, r.Entity)
		require.Equal(f, get[int64](f, "select count(*) from raw.changes where run_number = $1 and table_name = 'raw.st_' || $2::text", run.Number, r.Entity), *r.Changes)
	}
}

// pass is an incremental pass over customers that reads pages, a minute each.
func (f *fixture) pass(number int, c entity.Entity, minute int, pages ...[]entity.Record) ledger.Run {
	f.Helper()
	run := f.beginIncremental(fmt.Sprint("pass ", number), number, "customers")
	p := f.open(run, c)
	for i, records := range pages {
		p = f.storePage(run, c, p, page(at(minute+i), fmt.Sprint(number, i), i == len(pages)-1, records...))
	}
	return f.finalize(run, completed)
}

func TestChangesOfAPage(t *testing.T) {
	t.Parallel()
	f, c := newRecording(t), find(t, "customers")
	run := f.pass(1, c, 1, []entity.Record{customer(1, at(0), "a"), customer(2, at(0), "b"), gone(customer(3, at(0), "c")), customer(10, at(0), "d")})
	require.Equal(t, []string{"1 insert", "2 insert", "3 delete", "10 insert"}, f.changes(run), "a new record that is deleted has no live row")
	f.requireCounted(run)

	other := customer(1, at(1), "renamed")
	other.Raw = []byte(`{"id": 1, "name": "renamed", "balance": 12.50, "type": null, "a.b": [1]}`)
	run = f.pass(2, c, 2, []entity.Record{other, gone(customer(2, at(1), "b")), customer(3, at(0), "c"), customer(10, at(0), "d")})
	require.Equal(t, []string{"1 update a.b active name type", "2 delete", "3 revive"}, f.changes(run), "added, changed and removed fields; 10 did not change")
	f.requireCounted(run)

	run = f.pass(3, c, 3, []entity.Record{gone(customer(2, at(2), "renamed while deleted"))})
	require.Equal(t, []string{"2 delete name"}, f.changes(run), "the row stays deleted")
	f.requireCounted(run)

	run = f.pass(4, c, 4, []entity.Record{customer(10, at(0), "d")})
	require.Empty(t, f.changes(run))
	require.EqualValues(t, 0, *run.Results[0].Changes)
	require.Equal(t, int64(8), get[int64](f, "select count(*) from raw.changes where table_name = 'raw.st_customers' and changed_at between now() - interval '1 hour' and now() and op <> 'load'"))
}

func TestChangesOfARecordThatARunReadsTwice(t *testing.T) {
	t.Parallel()
	f, c := newRecording(t), find(t, "customers")
	run := f.pass(1, c, 1,
		[]entity.Record{customer(1, at(0), "a"), customer(1, at(1), "b")},
		[]entity.Record{customer(1, at(1), "b")},
		[]entity.Record{customer(1, at(2), "c")},
		[]entity.Record{gone(customer(1, at(3), "c"))})
	require.Equal(t, []string{"1 insert", "1 update name", "1 delete"}, f.changes(run))
	f.requireCounted(run)
}

func TestChangesOfAPageWithRejectedRecords(t *testing.T) {
	t.Parallel()
	f, c := newRecording(t), find(t, "customers")
	records := []entity.Record{customer(1, at(0), "a"), customer(2, at(0), "b"), customer(3, at(0), "c"), customer(4, at(0), "d"), customer(5, at(0), "e")}
	records[2].Raw = []byte(`{"id": 3, "balance": 1e200000}`)
	run := f.pass(1, c, 1, records)
	require.Equal(t, []string{"1 insert", "2 insert", "4 insert", "5 insert"}, f.changes(run), "statements that were rolled back recorded nothing")
	f.requireCounted(run)
}

func TestChangesOfASweep(t *testing.T) {
	t.Parallel()
	f, e := newRecording(t), sweepableEntity(t)
	f.fullRead("a", e, 1, entity.Page{Records: ids(1, 9)})
	require.Empty(t, f.changes(f.fullRead("b", e, 2, entity.Page{Records: ids(1, 7)})))
	run := f.fullRead("c", e, 3, entity.Page{Records: ids(1, 8)})
	require.Equal(t, []string{"9 delete"}, f.changes(run))
	f.requireCounted(run)
	run = f.fullRead("d", e, 4, entity.Page{Records: ids(1, 9)})
	require.Equal(t, []string{"9 revive"}, f.changes(run))
	f.requireCounted(run)
}

func TestChangesOfALookup(t *testing.T) {
	t.Parallel()
	f, e := newRecording(t), lookupEntity(t)
	f.fullRead("a", e, 1, entity.Page{Records: ids(1, 9)})
	run, p := f.fullBut("b", e, 2, 6)
	f.lookUp(run, e, p, 3, map[string]entity.Record{"8": customer(8, at(1), "moved")})
	run = f.finalize(run, completed)
	require.Equal(t, []string{"8 update name", "7 delete", "9 delete"}, f.changes(run))
	f.requireCounted(run)
}

func TestChangesOfARebuild(t *testing.T) {
	t.Parallel()
	f, e := newRecording(t), find(t, "customers")
	f.fullRead("a", e, 1, entity.Page{Records: ids(1, 9)})
	f.exec(`delete from raw.st_customers where st_id = 1`)
	f.exec(`update raw.st_customers set name = 'typed column alone' where st_id = 2`)
	f.exec(`update raw.st_customers set full_data = '[3]' where st_id = 3`)
	f.exec(`update raw.st_customers set deleted_at = $1 where st_id = 4`, at(1))
	run := f.beginRebuild("r", false)
	p := f.apply(e, f.check(e, f.load(run, e, 5, entity.Page{Records: ids(1, 8)}), 8))
	require.EqualValues(t, 5, *p.Changes)
	run = f.finalize(run, completed)
	require.ElementsMatch(t, []string{"9 delete", "1 insert", "2 update", "3 update active balance id name", "4 revive"}, f.changes(run))
	f.requireCounted(run)
}

func TestAFirstFullReadRecordsOneMarker(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), sweepableEntity(t)
	f.recordChanges(true)
	failed := f.beginFull("failed", "customers", "jobs")
	f.storePage(failed, e, f.open(failed, e), entity.Page{Records: ids(1, 3), Next: entity.Cursor{Feed: entity.List, Page: 2}, Total: -1, Date: at(1)})
	failed = f.finalize(failed, ledger.Finalization{State: ledger.Failed})
	require.Equal(t, []string{"load"}, f.changes(failed))
	require.EqualValues(t, 1, *failed.Results[0].Changes)
	require.Nil(t, failed.Results[1].Changes, "the entity was not opened")

	rebuild := f.beginRebuild("rebuild", false)
	f.apply(e, f.check(e, f.load(rebuild, e, 2, entity.Page{Records: ids(1, 5)}), 5))
	rebuild = f.finalize(rebuild, completed)
	require.Equal(t, []string{"load"}, f.changes(rebuild), "a rebuild is no full sync")
	f.requireCounted(rebuild)

	first := f.fullRead("first", e, 3, entity.Page{Records: ids(1, 4)}, entity.Page{Records: append(ids(5, 6), customer(1, at(1), "changed"))})
	require.Equal(t, []string{"load"}, f.changes(first))
	f.requireCounted(first)

	second := f.fullRead("second", e, 4, entity.Page{Records: ids(1, 7)})
	require.Equal(t, []string{"7 insert"}, f.changes(second))
	f.requireCounted(second)
}

func TestChangesOfOtherPrograms(t *testing.T) {
	t.Parallel()
	writer := role(t)
	f, c := newRecording(t), find(t, "customers")
	run := f.beginIncremental("pass", 1, "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(1), "1", false, customer(1, at(0), "a"), customer(2, at(0), "b")))
	f.exec("grant usage on schema raw to " + writer + "; grant select, insert, update, delete on raw.st_customers to " + writer)
	for name, db := range map[string]*fixture{"an administrator": f, "a user without other privileges": {TB: t, db: openPool(t, as(t, f.url, writer))}} {
		db.exec("update raw.st_customers set name = $1, full_data = full_data || '{\"by\": \"hand\"}' where st_id = 1", name)
		db.exec("insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number) values (42, 9, '{}', now(), 0)")
		db.exec("delete from raw.st_customers where st_id = 9")
	}
	require.Equal(t, []string{"1 insert", "2 insert"}, f.changes(run))
	f.storePage(run, c, p, page(at(2), "2", true, customer(2, at(1), "c")))
	run = f.finalize(run, completed)
	require.Equal(t, []string{"1 insert", "2 insert", "2 update name"}, f.changes(run))
	f.requireCounted(run)
}

// TestFingerprintsAreNoChanges has a run find the record of a row that a person wrote back.
func TestFingerprintsAreNoChanges(t *testing.T) {
	t.Parallel()
	f, c := newRecording(t), find(t, "customers")
	run := f.beginIncremental("pass", 1, "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(1), "1", false, customer(1, at(0), "a")))
	f.exec("update raw.st_customers set full_data = full_data")
	require.Zero(t, f.fingerprinted())
	p = f.storePage(run, c, p, page(at(2), "2", false, customer(1, at(0), "a")))
	require.EqualValues(t, 1, f.fingerprinted())
	require.EqualValues(t, 1, *p.Changes)
	require.Equal(t, []string{"1 insert"}, f.changes(run))
}

// TestAWorkerOfAnotherVersionEndsTheCount has a worker that does not declare its run store a page of it.
func TestAWorkerOfAnotherVersionEndsTheCount(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]string{
		"insert": "insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number) values (42, 2, '{}', now(), $1)",
		"update": "update raw.st_customers set full_data = full_data || '{\"a\": 1}', run_number = $1 where st_id = 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, c := newRecording(t), find(t, "customers")
			f.pass(1, c, 1, []entity.Record{customer(1, at(0), "a")})
			run := f.beginIncremental("pass", 2, "customers")
			require.NotNil(t, f.open(run, c).Changes)
			f.exec(write, run.Number)
			require.Nil(t, f.open(run, c).Changes)
			p := f.storePage(run, c, f.open(run, c), page(at(2), "2", true, customer(3, at(0), "c")))
			require.Nil(t, p.Changes)
			require.Equal(t, []string{"3 insert"}, f.changes(run))
		})
	}
}

func TestChangesAreRecordedOnlyIfMigratedSo(t *testing.T) {
	t.Parallel()
	f, c := newFixture(t), find(t, "customers")
	triggers := func() int64 {
		return get[int64](f, "select count(*) from pg_trigger where tgname like 'changes%'")
	}
	f.fullRead("off", c, 1, entity.Page{Records: ids(1, 2)})
	require.Zero(t, triggers())
	require.Empty(t, f.recordChanges(false))

	before := f.beginIncremental("before", 1, "customers")
	p := f.open(before, c)
	require.Equal(t, []string{"tables whose changes are recorded: 4"}, f.recordChanges(true))
	require.Empty(t, f.recordChanges(true))
	require.EqualValues(t, 8, triggers())
	mismatched, err := f.MismatchedTriggers(t.Context())
	require.NoError(t, err)
	require.Len(t, mismatched, 4)
	p = f.storePage(before, c, p, page(at(2), "2", true, customer(3, at(0), "c")))
	require.Nil(t, p.Changes, "the run may have changed rows before")
	before = f.finalize(before, completed)
	require.Nil(t, before.Results[0].Changes)

	during := f.beginIncremental("during", 2, "customers")
	p = f.storePage(during, c, f.open(during, c), page(at(3), "3", false, customer(4, at(0), "d")))
	require.EqualValues(t, 1, *p.Changes)
	require.Equal(t, []string{"tables whose changes are no longer recorded: 4"}, f.recordChanges(false))
	require.Zero(t, triggers())
	f.recordChanges(true)
	p = f.storePage(during, c, f.open(during, c), page(at(4), "4", true, customer(5, at(0), "e")))
	require.Nil(t, p.Changes, "a page in between would not have been recorded")
	during = f.finalize(during, completed)
	require.Nil(t, during.Results[0].Changes)

	f.exec("drop trigger changes_update on raw.st_customers; alter table raw.st_jobs disable trigger changes_insert")
	require.Nil(t, f.open(f.beginIncremental("half", 3, "customers"), c).Changes)
	require.Equal(t, []string{"tables whose changes are recorded: 2"}, f.recordChanges(true))
}

// TestRecordingIsNotDroppedUnderAPosition has a position begin while migrate drops the triggers: either
// the position is not counted, or migrate waits for it and ends its count.
func TestRecordingIsNotDroppedUnderAPosition(t *testing.T) {
	t.Parallel()
	f, c := newRecording(t), find(t, "customers")
	run := f.beginIncremental("pass", 1, "customers")
	tx, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	_, err = tx.Exec(t.Context(), "lock table raw.sync_cursors in exclusive mode") // Open waits with its insert
	require.NoError(t, err)
	opened, migrated := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := f.Open(t.Context(), run.Target(c))
		opened <- err
	}()
	require.Eventually(t, f.waits("%insert into raw.sync_cursors%"), time.Minute, time.Millisecond)
	off, err := store.Open(t.Context(), f.url, store.Options{MaxConns: 2, Entities: few})
	require.NoError(t, err)
	t.Cleanup(off.Close)
	go func() {
		_, err := off.Migrate(t.Context())
		migrated <- err
	}()
	require.Eventually(t, f.waits("lock table raw.st_customers%"), time.Minute, time.Millisecond)
	_, err = tx.Exec(t.Context(), "rollback")
	require.NoError(t, err)
	require.NoError(t, <-opened)
	require.NoError(t, <-migrated)
	require.Nil(t, f.open(run, c).Changes)
}

// TestAPositionWaitsForMigrate has a position begin while migrate has dropped the triggers and not
// committed that.
func TestAPositionWaitsForMigrate(t *testing.T) {
	t.Parallel()
	f, c := newRecording(t), find(t, "customers")
	run := f.beginIncremental("pass", 1, "customers")
	tx, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "lock table raw.st_customers in access exclusive mode; drop trigger changes_insert on raw.st_customers; drop trigger changes_update on raw.st_customers")
	require.NoError(t, err)
	opened := make(chan error, 1)
	go func() {
		_, err := f.Open(t.Context(), run.Target(c))
		opened <- err
	}()
	require.Eventually(t, f.waits("lock table raw.st_customers%"), time.Minute, time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-opened)
	require.Nil(t, f.open(run, c).Changes)
}

// waits reports whether a session waits for a lock with a statement.
func (f *fixture) waits(statement string) func() bool {
	return func() bool {
		return get[bool](f, "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1)", statement)
	}
}

// TestChangesReplay has runs of all modes change rows at random, and replays what they recorded over a
// set of ids: it must be the live rows.
func TestChangesReplay(t *testing.T) {
	t.Parallel()
	f, c := newRecording(t), sweepableEntity(t)
	random := rand.New(rand.NewPCG(1, 2))
	copied := map[string]bool{}
	records := func(minute int) (all []entity.Record) {
		for id := 1; id <= 40; id++ {
			r := customer(id, at(minute/3), fmt.Sprint("version ", minute/3+random.IntN(2)))
			r.Deleted = random.IntN(4) == 0
			if random.IntN(5) > 0 {
				all = append(all, r)
			}
		}
		return all
	}
	for n := 1; n <= 30; n++ {
		var run ledger.Run
		switch n % 3 {
		case 0:
			run = f.fullRead(fmt.Sprint("full ", n), c, n, entity.Page{Records: records(n)}, entity.Page{Records: records(n)})
		case 1:
			run = f.pass(n, c, n, records(n), records(n))
		default:
			run = f.beginRebuild(fmt.Sprint("rebuild ", n), true)
			f.apply(c, f.check(c, f.load(run, c, n, entity.Page{Records: records(n)}), -1))
			run = f.finalize(run, completed)
		}
		f.requireCounted(run)
		rows, err := f.db.Query(t.Context(), "select st_id, op from raw.changes where run_number = $1 order by number", run.Number)
		require.NoError(t, err)
		var id, op string
		_, err = pgx.ForEachRow(rows, []any{&id, &op}, func() error {
			if op == "insert" || op == "revive" {
				require.False(t, copied[id], "run %d: %s of %s", run.Number, op, id)
			}
			if op == "update" {
				require.True(t, copied[id], "run %d: %s of %s", run.Number, op, id)
			}
			if delete(copied, id); op != "delete" {
				copied[id] = true
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, get[[]string](f, "select coalesce(array_agg(st_id::text order by st_id::text collate \"C\"), '{}') from raw.st_customers where deleted_at is null"),
			append([]string{}, slices.Sorted(maps.Keys(copied))...), "after run %d", run.Number)
		require.ElementsMatch(t, get[[]string](f, "select coalesce(array_agg(distinct st_id), '{}') from raw.changes where run_number = $1", run.Number),
			get[[]string](f, "select coalesce(array_agg(st_id::text), '{}') from raw.st_customers where run_number = $1", run.Number), "run %d lists the rows with its number", run.Number)
	}
}

func TestPruneChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.exec(`insert into raw.changes (run_number, tenant_id, changed_at, table_name, st_id, op)
		select run, 42, now() - make_interval(days => 10 - run), 'raw.st_customers', n::text, 'update' from generate_series(1, 9) run, generate_series(1, 6000) n`)
	deleted, err := f.PruneChanges(t.Context(), 6*24*time.Hour+time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 18_000, deleted)
	require.EqualValues(t, 4, get[int64](f, "select min(run_number) from raw.changes"))
	require.EqualValues(t, 36_000, get[int64](f, "select count(*) from raw.changes"))
	deleted, err = f.PruneChanges(t.Context(), 6*24*time.Hour+time.Hour)
	require.NoError(t, err)
	require.Zero(t, deleted)
}

// TestChangesInAdoptedTables has the legacy worker write beside runs whose changes are recorded.
func TestChangesInAdoptedTables(t *testing.T) {
	t.Parallel()
	f, c := newLegacy(t, "", tenant), find(t, "customers")
	f.adopt()
	require.NotEmpty(t, f.recordChanges(true))
	f.write(1, at(1), "by the legacy worker")
	full := f.beginFull("full", "customers")
	p := f.storePage(full, c, f.open(full, c), page(at(2), "1", false, customer(1, at(2), "loaded")))
	f.write(2, at(3), "by the legacy worker")
	f.storePage(full, c, p, page(at(4), "2", true, customer(2, at(2), "older"), customer(3, at(2), "loaded")))
	full = f.finalize(full, completed)
	require.Equal(t, []string{"load"}, f.changes(full), "the rows that the legacy worker has left are no full sync")
	f.requireCounted(full)

	pass := f.beginIncremental("pass", 1, "customers")
	p = f.storePage(pass, c, f.open(pass, c), page(at(5), "3", false, customer(1, at(5), "renamed"), customer(600, at(5), "new")))
	f.write(600, at(6), "by the legacy worker")
	f.write(601, at(6), "by the legacy worker")
	f.storePage(pass, c, p, page(at(7), "4", true, customer(600, at(7), "renamed")))
	pass = f.finalize(pass, completed)
	require.Equal(t, []string{"1 update name", "600 insert", "600 update active balance modifiedOn name"}, f.changes(pass))
	f.requireCounted(pass)
}
