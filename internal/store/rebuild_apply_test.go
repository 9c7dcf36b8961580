package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// beginRebuild begins the run of a new rebuild request.
func (f *fixture) beginRebuild(eventID string, allowDeletes bool) ledger.Run {
	f.Helper()
	q := request(events.Rebuild, eventID, "customers")
	q.AllowDeletes = allowDeletes
	f.receive(q)
	run, found, err := f.BeginRun(f.Context(), ledger.BeginInput{
		TenantID: tenant, Mode: events.Rebuild, WorkflowID: q.WorkflowID, FirstRunID: "exec-" + eventID, Pass: 1, RequestID: q.ID,
	})
	require.NoError(f, err)
	require.True(f, found)
	return run
}

// load loads pages, fetched at a minute, into the staging table of a rebuild.
func (f *fixture) load(run ledger.Run, e entity.Entity, minute int, pages ...entity.Page) (p ledger.Position) {
	f.Helper()
	p = f.open(run, e)
	for i, page := range pages {
		page.Date, page.Last, page.Total = at(minute).Add(time.Duration(i)*time.Second), i == len(pages)-1, -1
		page.Next = entity.Cursor{Feed: e.Start().Feed, Page: i + 2, Token: fmt.Sprint("t", i)}
		p = f.storePage(run, e, p, page)
	}
	return p
}

// rebuildTarget is the target of the rebuild that has a position.
func rebuildTarget(e entity.Entity, p ledger.Position) ledger.Target {
	return ledger.Target{Run: ledger.Ref{Number: p.Run}, TenantID: tenant, Mode: events.Rebuild, Entity: e}
}

// check checks the staging table of a rebuild against a count of ServiceTitan.
func (f *fixture) check(e entity.Entity, p ledger.Position, counted int64) ledger.Position {
	f.Helper()
	p, err := f.CheckRebuild(f.Context(), rebuildTarget(e, p), p, counted)
	require.NoError(f, err)
	return p
}

func (f *fixture) apply(e entity.Entity, p ledger.Position) ledger.Position {
	f.Helper()
	p, err := f.ApplyRebuild(f.Context(), rebuildTarget(e, p), p)
	require.NoError(f, err)
	return p
}

// stagingTables counts the staging tables.
func (f *fixture) stagingTables() int64 {
	f.Helper()
	return get[int64](f, "select count(*) from pg_class where relnamespace = 'raw_rebuild'::regnamespace and relkind = 'r'")
}

// snapshot is every row, but for when and by whom it was written.
func (f *fixture) snapshot() (rows []string) {
	f.Helper()
	return get[[]string](f, `select coalesce(array_agg(
		((to_jsonb(c) - '{run_number,fetched_at,deleted_at}'::text[]) || jsonb_build_object('gone', deleted_at is not null))::text order by st_id), '{}') from raw.st_customers c where tenant_id = 42`)
}

var ten = []entity.Page{{Records: ids(1, 6)}, {Records: ids(7, 10)}}

func TestRebuildRepairsDamagedRows(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	f.fullRead("a", e, 0, append(ten, entity.Page{Records: []entity.Record{gone(customer(11, at(0), "gone"))}})...)
	right := f.snapshot()
	state := f.state(e)
	resume := get[string](f, "select (resume_token, resume_since, resume_version, last_full_sync)::text from raw.sync_state")
	f.exec(`create view seen_by_others as select st_id, name from raw.st_customers where deleted_at is null`)
	f.exec(`create index of_ours on raw.st_customers (name)`)
	identity := get[uint32](f, "select 'raw.st_customers'::regclass::oid")
	for _, damage := range []string{
		`delete from raw.st_customers where st_id = 1`,
		`update raw.st_customers set name = 'typed column alone' where st_id = 2`,
		`update raw.st_customers set full_data = '{"id": 3}', name = null where st_id = 3`,
		`update raw.st_customers set deleted_at = '2026-03-01 12:00:30+00' where st_id = 4`,
		`update raw.st_customers set modified_on = '2100-01-01' where st_id = 5`,
		`update raw.st_customers set deleted_at = null where st_id = 11`,
		`insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number) values (42, 99, '{"id": 99}', '2026-03-01 12:00:30+00', 1)`,
		`insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number) values (43, 1, '{"id": 1}', '2026-03-01 12:00:30+00', 1)`,
	} {
		f.exec(damage)
	}
	f.exec("update raw.sync_state set records_count = (select count(*) from raw.st_customers where tenant_id = 42 and deleted_at is null)")
	damaged := f.snapshot()

	run := f.beginRebuild("r", false)
	p := f.load(run, e, 5, append(ten, entity.Page{Records: []entity.Record{gone(customer(11, at(0), "gone"))}})...)
	require.Equal(t, events.PhaseChecking, p.Phase)
	require.Equal(t, events.Counts{Pages: 3, Fetched: 11}, p.Counts, "nothing is done yet")
	p = f.check(e, p, 10)
	require.Equal(t, events.PhaseApplying, p.Phase)
	require.Equal(t, damaged, f.snapshot(), "readers see nothing of it")
	require.EqualValues(t, 1, f.stagingTables())

	p = f.apply(e, p)
	require.Equal(t, events.StatusCompleted, p.Status)
	require.Equal(t, events.Counts{Pages: 3, Fetched: 11, Inserted: 1, Updated: 4, Unchanged: 5, Deleted: 2}, p.Counts)
	require.Equal(t, right, f.snapshot()[:11], "but for the made-up row")
	require.Equal(t, []int64{11, 99}, f.deletedIDs())
	require.EqualValues(t, 1, get[int64](f, "select count(*) from raw.st_customers where tenant_id = 43 and deleted_at is null"), "another tenant's")
	require.EqualValues(t, 7, get[int64](f, "select count(*) from raw.st_customers where run_number = $1", run.Number), "what it changed, and nothing else")
	require.True(t, at(5).Equal(get[time.Time](f, "select fetched_at from raw.st_customers where tenant_id = 42 and st_id = 1")))

	finalized := f.finalize(run, completed)
	require.Equal(t, ledger.Completed, finalized.State)
	require.Zero(t, f.stagingTables())
	require.Equal(t, state.Records, f.state(e).Records)
	require.Equal(t, "completed", f.state(e).Status)
	require.Equal(t, resume, get[string](f, "select (resume_token, resume_since, resume_version, last_full_sync)::text from raw.sync_state"), "incremental syncs continue where they were")
	require.Equal(t, identity, get[uint32](f, "select 'raw.st_customers'::regclass::oid"))
	require.EqualValues(t, 10, get[int64](f, "select count(*) from seen_by_others where name is not null"))
	require.EqualValues(t, 1, get[int64](f, "select count(*) from pg_indexes where indexname = 'of_ours'"))
}

func TestRebuildOfAnEmptyTable(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	run := f.beginRebuild("r", false)
	p := f.apply(e, f.check(e, f.load(run, e, 5, ten...), 10))
	require.EqualValues(t, 10, p.Inserted)
	require.EqualValues(t, 10, f.state(e).Records)
	require.Equal(t, events.StatusSkipped, f.open(f.beginIncremental("i", 1, "customers"), e).Status, "it moves no resume point")
}

func TestRebuildIsApplied(t *testing.T) {
	t.Parallel()
	edited := customer(3, at(7), "edited")
	edited.Raw = []byte(`{"id": 3, "name": "edited", "modifiedOn": "2026-03-01T12:07:00Z"}`)
	for name, c := range map[string]struct {
		concurrently func(f *fixture, e entity.Entity)
		want         string
	}{
		"over rows read before": {func(f *fixture, e entity.Entity) {}, "c3"},
		"not over one that an incremental read later": {func(f *fixture, e entity.Entity) {
			f.readInto(f.beginIncremental("i", 1, e.Name), e, 7, entity.Page{Records: []entity.Record{edited}})
		}, "edited"},
		"not over one without a date that was read later": {func(f *fixture, e entity.Entity) {
			f.readInto(f.beginIncremental("i", 1, e.Name), e, 7, entity.Page{Records: []entity.Record{customer(3, time.Time{}, "undated")}})
		}, "undated"},
		"not over a newer version that was read in the same second": {func(f *fixture, e entity.Entity) {
			f.readInto(f.beginIncremental("i", 1, e.Name), e, 5, entity.Page{Records: []entity.Record{edited}})
		}, "edited"},
		"not over a newer version, although the API has just shown an older one": {func(f *fixture, e entity.Entity) {
			f.readInto(f.beginIncremental("i", 1, e.Name), e, 4, entity.Page{Records: []entity.Record{edited}})
		}, "edited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), find(t, "customers")
			f.fullRead("a", e, 0, ten...)
			f.exec("update raw.st_customers set name = 'damaged' where st_id = 3")
			run := f.beginRebuild("r", false)
			p := f.load(run, e, 5, ten...)
			c.concurrently(f, e)
			f.apply(e, f.check(e, p, -1))
			require.Equal(t, c.want, get[string](f, "select name from raw.st_customers where st_id = 3"))
		})
	}
}

func TestRebuildMarksNoUnknownRowDeleted(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(f *fixture, run ledger.Run, e entity.Entity) ledger.Position{
		"a rejected record that has an id is there": func(f *fixture, run ledger.Run, e entity.Entity) ledger.Position {
			return f.load(run, e, 5, entity.Page{Records: ids(1, 9), Rejected: []entity.Rejected{{ID: "10", Reason: "bad date"}}})
		},
		"a record without an id may be any": func(f *fixture, run ledger.Run, e entity.Entity) ledger.Position {
			return f.load(run, e, 5, entity.Page{Records: ids(1, 9), Rejected: []entity.Rejected{{Reason: "no id"}}})
		},
		"a damaged answer may have had a record more": func(f *fixture, run ledger.Run, e entity.Entity) ledger.Position {
			return f.load(run, e, 5, entity.Page{Records: ids(1, 9), DamagedPlaces: 1})
		},
		"a row that an incremental read meanwhile is there": func(f *fixture, run ledger.Run, e entity.Entity) ledger.Position {
			p := f.load(run, e, 5, entity.Page{Records: ids(1, 9)})
			f.readInto(f.beginIncremental("i", 1, e.Name), e, 6, entity.Page{Records: []entity.Record{customer(10, at(6), "edited")}})
			return p
		},
		"a row that is found when it is looked up": func(f *fixture, run ledger.Run, e entity.Entity) ledger.Position {
			e.Export, e.IDs = "", true
			p := f.load(run, e, 5, entity.Page{Records: ids(1, 9)})
			require.Equal(f, events.PhaseSweeping, p.Phase)
			require.Error(f, func() error { _, err := f.CheckRebuild(f.Context(), rebuildTarget(e, p), p, -1); return err }())
			p, missing := f.lookUp(run, e, p, 6, map[string]entity.Record{"10": customer(10, at(0), "c10")})
			require.Equal(f, []string{"10"}, missing)
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), find(t, "customers")
			f.fullRead("a", e, 0, ten...)
			run := f.beginRebuild("r", false)
			p := f.apply(e, f.check(e, load(f, run, e), -1))
			require.Equal(t, events.StatusCompleted, p.Status)
			require.Empty(t, f.deletedIDs())
			require.EqualValues(t, 10, f.state(e).Records)
		})
	}
}

func TestRebuildOfAnUnstableListFails(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), sweepableEntity(t)
	f.fullRead("a", e, 0, ten...)
	before := f.snapshot()
	p := f.load(f.beginRebuild("r", true), e, 1, entity.Page{Records: ids(1, 6)}, entity.Page{Records: ids(7, 9), Unstable: true})
	require.Equal(t, events.StatusFailed, p.Status)
	require.Equal(t, events.APIError, p.Error.Type)
	require.Contains(t, p.Error.Message, "the list kept changing while it was read")
	require.Equal(t, before, f.snapshot())
}

func TestRebuildMarksMissingRowsDeleted(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), lookupEntity(t)
	f.fullRead("a", e, 0, ten...)
	run := f.beginRebuild("r", false)
	p, missing := f.lookUp(run, e, f.load(run, e, 5, entity.Page{Records: ids(1, 8)}), 6, nil)
	require.Equal(t, []string{"10", "9"}, missing)
	require.Empty(t, f.deletedIDs(), "not before it is applied")
	p = f.apply(e, f.check(e, p, 8))
	require.EqualValues(t, 2, p.Deleted)
	require.Equal(t, []int64{9, 10}, f.deletedIDs())
	require.True(t, at(6).Equal(get[time.Time](f, "select deleted_at from raw.st_customers where st_id = 9")))
}

func TestDeleteGuardOfRebuilds(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 60)})
	f.exec("update raw.st_customers set name = 'damaged' where st_id = 1")
	before := f.snapshot()
	run := f.beginRebuild("r", false)
	p := f.apply(e, f.check(e, f.load(run, e, 5, entity.Page{Records: ids(1, 9)}), 9))
	require.Equal(t, events.StatusFailed, p.Status)
	require.Equal(t, &events.RunError{Type: events.DeleteGuard, Entity: "customers", Message: "the rebuild did not find 51 of 60 rows; " +
		"marking more than 50 as deleted needs a rebuild request with allowDeletes"}, p.Error)
	require.Equal(t, before, f.snapshot(), "nothing is changed at all")
	result := f.finalize(run, completed).Results[0]
	require.Zero(t, result.Inserted+result.Updated+result.Unchanged+result.Deleted)

	run = f.beginRebuild("s", true)
	p = f.apply(e, f.check(e, f.load(run, e, 6, entity.Page{Records: ids(1, 9)}), 9))
	require.EqualValues(t, 51, p.Deleted)
	require.EqualValues(t, 9, f.state(e).Records)
}

func TestRebuildIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		list           bool
		total, counted int64 // by ServiceTitan, before and after
		spoil          string
		want           string
	}{
		"a list with the counted records":         {list: true, total: 10, counted: 10},
		"a list that grew":                        {list: true, total: 10, counted: 12},
		"a list that shrank":                      {list: true, total: 12, counted: 10},
		"a list without a count":                  {list: true, total: -1, counted: -1},
		"a list of which a record was not read":   {list: true, total: 11, counted: 11, want: "10 records were read and ServiceTitan counts 11; nothing was changed"},
		"a list that was counted only before":     {list: true, total: 11, counted: -1, want: "ServiceTitan counts 11"},
		"a list that was counted only after":      {list: true, total: -1, counted: 11, want: "ServiceTitan counts 11"},
		"a feed that is a little behind its list": {total: 60, counted: 60},
		"a feed that ended too early":             {total: 61, counted: 70, want: "10 records were read and ServiceTitan counts 61"},
		"rows are missing from the staging table": {total: 10, counted: 10, spoil: "delete from raw_rebuild.run_2 where st_id = 4", want: "the staging table has 9 rows, want the 10 that were loaded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), find(t, "customers")
			if c.list {
				e = sweepableEntity(t)
			}
			f.fullRead("a", e, 0, ten...)
			run := f.beginRebuild("r", false)
			require.EqualValues(t, 2, run.Number)
			p := f.load(run, e, 5, ten...)
			require.NoError(t, f.SetTotal(t.Context(), run.Target(e), p, ledger.Total(c.total)))
			if c.spoil != "" {
				f.exec(c.spoil)
			}
			p = f.check(e, p, c.counted)
			if c.want == "" {
				require.Equal(t, events.PhaseApplying, p.Phase)
				require.False(t, p.Done())
				return
			}
			require.Equal(t, events.StatusFailed, p.Status)
			require.Contains(t, p.Error.Message, c.want)
		})
	}
}

// An apply that is interrupted leaves no trace.
// Two whole tables are compared before any writer of pages has to wait.
