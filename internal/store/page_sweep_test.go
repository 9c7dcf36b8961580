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

// sweptEntity is an entity that shows deletions only by absence.
func sweepableEntity(t *testing.T) entity.Entity {
	e := find(t, "customers")
	e.Export, e.IDs = "", false
	return e
}

// ids makes records of the given ids, all of one old version.
func ids(from, to int) (records []entity.Record) {
	for id := from; id <= to; id++ {
		records = append(records, customer(id, at(0), fmt.Sprint("c", id)))
	}
	return records
}

// fullRead stores pages as one complete full sync, fetched at a minute, and finalizes its run.
func (f *fixture) fullRead(name string, e entity.Entity, minute int, pages ...entity.Page) ledger.Run {
	f.Helper()
	run := f.beginFull(name, e.Name)
	return f.readInto(run, e, minute, pages...)
}

func (f *fixture) readInto(run ledger.Run, e entity.Entity, minute int, pages ...entity.Page) ledger.Run {
	f.Helper()
	p := f.open(run, e)
	for i, page := range pages {
		page.Date, page.Last, page.Total = at(minute).Add(time.Duration(i)*time.Second), i == len(pages)-1, -1
		page.Next = entity.Cursor{Feed: entity.List, Page: i + 2}
		p = f.storePage(run, e, p, page)
	}
	return f.finalize(run, ledger.Finalization{State: ledger.Completed})
}

func (f *fixture) deletedIDs() []int64 {
	f.Helper()
	return get[[]int64](f, "select coalesce(array_agg(st_id order by st_id), '{}') from raw.st_customers where tenant_id = 42 and deleted_at is not null")
}

func TestSweepMarksWhatTwoFullSyncsMissed(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), sweepableEntity(t)
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 60)}, entity.Page{Records: ids(61, 100)})

	run := f.fullRead("b", e, 1, entity.Page{Records: ids(1, 60)}, entity.Page{Records: ids(61, 95)})
	require.Empty(t, f.deletedIDs(), "one miss may be a row that moved between pages")
	require.Zero(t, run.Results[0].Deleted)

	run = f.fullRead("c", e, 2, entity.Page{Records: ids(1, 97)})
	require.Equal(t, []int64{98, 99, 100}, f.deletedIDs(), "96 and 97 were found again")
	require.EqualValues(t, 3, run.Results[0].Deleted)
	require.EqualValues(t, 97, run.Results[0].Unchanged)
	require.EqualValues(t, 97, f.state(e).Records)
	require.EqualValues(t, 3, get[int64](f, "select count(*) from raw.st_customers where run_number = $1", run.Number), "consumers find them under this run")

	f.fullRead("d", e, 3, entity.Page{Records: ids(1, 98)})
	require.Equal(t, []int64{99, 100}, f.deletedIDs(), "98 came back to life")
	require.EqualValues(t, 98, f.state(e).Records)
	require.Zero(t, get[int64](f, "select count(*) from raw.sync_seen"))
}

func TestSweepMarksNoUnknownRowDeleted(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(f *fixture, e entity.Entity){
		"a rejected record that has an id is there": func(f *fixture, e entity.Entity) {
			for i, name := range []string{"b", "c"} {
				f.fullRead(name, e, i+1, entity.Page{Records: ids(1, 9), Rejected: []entity.Rejected{{ID: "10", Reason: "bad date", Raw: []byte("{}")}}})
			}
		},
		"a record without an id may be any": func(f *fixture, e entity.Entity) {
			for i, name := range []string{"b", "c"} {
				f.fullRead(name, e, i+1, entity.Page{Records: ids(1, 9), Rejected: []entity.Rejected{{Reason: "no id", Raw: []byte("{}")}}})
			}
		},
		"a damaged answer may have had a record more": func(f *fixture, e entity.Entity) {
			for i, name := range []string{"b", "c"} {
				f.fullRead(name, e, i+1, entity.Page{Records: ids(1, 9), DamagedPlaces: 1})
			}
		},
		"a crash of PostgreSQL empties the memory of ids": func(f *fixture, e entity.Entity) {
			f.fullRead("b", e, 1, entity.Page{Records: ids(1, 9)})
			run := f.beginFull("c", e.Name)
			p := f.open(run, e)
			p = f.storePage(run, e, p, entity.Page{Records: ids(1, 5), Next: entity.Cursor{Feed: entity.List, Page: 2}, Total: -1, Date: at(2)})
			f.exec("truncate raw.sync_seen")
			f.storePage(run, e, p, entity.Page{Records: ids(6, 9), Last: true, Total: -1, Date: at(2)})
		},
		"a full sync that did not end says nothing": func(f *fixture, e entity.Entity) {
			f.fullRead("b", e, 1, entity.Page{Records: ids(1, 9)})
			run := f.beginFull("c", e.Name)
			f.storePage(run, e, f.open(run, e), entity.Page{Records: ids(1, 2), Next: entity.Cursor{Feed: entity.List, Page: 2}, Total: -1, Date: at(2)})
			f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
		},
		"a list that never came to rest hides some": func(f *fixture, e entity.Entity) {
			for i, name := range []string{"b", "c"} {
				f.fullRead(name, e, i+1, entity.Page{Records: ids(1, 9), Unstable: true})
			}
		},
		"an incomplete full sync between two complete ones": func(f *fixture, e entity.Entity) {
			f.fullRead("b", e, 1, entity.Page{Records: ids(1, 9)})
			f.fullRead("c", e, 2, entity.Page{Records: ids(1, 10), Rejected: []entity.Rejected{{Reason: "no id", Raw: []byte("{}")}}})
			f.fullRead("d", e, 3, entity.Page{Records: ids(1, 9)})
		},
		"an incremental never deletes": func(f *fixture, e entity.Entity) {
			f.fullRead("b", e, 1, entity.Page{Records: ids(1, 9)})
			f.readInto(f.beginIncremental("c", 1, e.Name), e, 2, entity.Page{Records: ids(1, 1)})
		},
		"a row that another run read meanwhile": func(f *fixture, e entity.Entity) {
			f.fullRead("b", e, 1, entity.Page{Records: ids(1, 9)})
			run := f.beginFull("c", e.Name)
			p := f.open(run, e)
			p = f.storePage(run, e, p, entity.Page{Records: ids(1, 5), Next: entity.Cursor{Feed: entity.List, Page: 2}, Total: -1, Date: at(2)})
			f.readInto(f.beginIncremental("i", 1, e.Name), e, 3, entity.Page{Records: []entity.Record{customer(10, at(3), "edited")}})
			f.storePage(run, e, p, entity.Page{Records: ids(6, 9), Last: true, Total: -1, Date: at(4)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), sweepableEntity(t)
			f.fullRead("a", e, 0, entity.Page{Records: ids(1, 10)})
			disturb(f, e)
			require.Empty(t, f.deletedIDs())
		})
	}
}

func TestDeleteGuard(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), sweepableEntity(t)
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 600)})
	before := f.state(e)
	f.fullRead("b", e, 1, entity.Page{Records: ids(1, 539)})

	run := f.fullRead("c", e, 2, entity.Page{Records: ids(1, 539)})
	require.Equal(t, ledger.Failed, run.State)
	require.Equal(t, events.DeleteGuard, run.Error.Type)
	require.Equal(t, "two full syncs did not find 61 of 600 rows; marking more than 60 as deleted needs a full request with allowDeletes", run.Error.Message)
	require.Empty(t, f.deletedIDs())
	require.Equal(t, "failed", f.state(e).Status)
	require.True(t, f.state(e).LastFullSync.After(before.LastFullSync), "b sets it")

	q := request(events.Full, "d", e.Name)
	q.AllowDeletes = true
	f.receive(q)
	allowed, _, err := f.BeginRun(t.Context(), ledger.BeginInput{
		TenantID: tenant, Mode: events.Full, WorkflowID: q.WorkflowID, FirstRunID: "exec-d", Pass: 1, RequestID: q.ID,
	})
	require.NoError(t, err)
	run = f.readInto(allowed, e, 3, entity.Page{Records: ids(1, 539)})
	require.Equal(t, ledger.Completed, run.State)
	require.EqualValues(t, 61, run.Results[0].Deleted)
	require.Len(t, f.deletedIDs(), 61)
}

func TestDeleteGuardAllowsAFewRowsOfASmallTable(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), sweepableEntity(t)
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 55)})
	f.fullRead("b", e, 1, entity.Page{Records: ids(1, 5)})
	run := f.fullRead("c", e, 2, entity.Page{Records: ids(1, 5)})
	require.Equal(t, ledger.Completed, run.State)
	require.Len(t, f.deletedIDs(), 50)
}

// PostgreSQL does not know how many ids a run has just recorded. With nested loops it would read all of them
// again for each row of the table.
func TestSweepReadsEachIDAFewTimes(t *testing.T) {
	t.Parallel()
	const rows = 2000
	f, e := newFixture(t), sweepableEntity(t)
	for _, table := range []string{"raw.sync_seen", "raw.st_customers"} {
		f.exec("alter table " + table + " set (autovacuum_enabled = false)") // which may analyze it
	}
	f.exec("truncate raw.st_customers") // its statistics are those of a table that was never analyzed
	for _, name := range []string{"a", "b"} {
		f.fullRead(name, e, int(name[0]), entity.Page{Records: ids(1, rows/2)}, entity.Page{Records: ids(rows/2+1, rows)})
	}
	f.Close() // PostgreSQL counts the reads of a connection at its end
	require.Eventually(t, func() bool {
		return get[int](f, "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'lazisync'") == 0
	}, time.Minute, 10*time.Millisecond)
	read := get[int64](f, `select idx_tup_read + seq_tup_read from pg_stat_user_indexes join pg_stat_user_tables using (relname)
		where relname = 'sync_seen'`)
	require.NotZero(t, read)
	require.Less(t, read, int64(20*rows))
}
