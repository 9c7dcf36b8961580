package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

func TestOpenFull(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.open(run, c)
	require.Equal(t, ledger.Position{
		Run: run.Number, Entity: "customers", Cursor: entity.Cursor{Feed: entity.Export}, Phase: events.PhaseReading,
		Total: -1, StartedAt: p.StartedAt, UpdatedAt: p.UpdatedAt,
	}, p)
	require.Equal(t, "running", f.state(c).Status)

	require.NoError(t, f.SetTotal(t.Context(), run.Target(c), p, 1000))
	next := f.storePage(run, c, p, page(at(0), "t", false, customer(1, at(0), "x")))
	require.Equal(t, next, f.open(run, c))
	require.Equal(t, ledger.Total(1000), next.Total)

	_, err := f.Open(t.Context(), ledger.Run{Number: 99, TenantID: tenant, Mode: events.Full}.Target(c))
	require.ErrorIs(t, err, ledger.ErrUnknown)
}

func TestAnEntityHasOneFullSyncAtATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	first, second := f.beginFull("a", "customers"), f.beginFull("b", "customers")
	p := f.open(first, c)
	_, err := f.Open(t.Context(), second.Target(c))
	require.ErrorIs(t, err, ledger.ErrBusy)
	require.ErrorContains(t, err, "run 1: another run is reading this entity")
	f.open(second, find(t, "jobs"))
	f.exec("update raw.sync_runs set tenant_id = 43 where run_number = $1", second.Number)
	second.TenantID = "43"
	_, err = f.Open(t.Context(), second.Target(c))
	require.NoError(t, err, "another tenant")
	f.open(f.beginIncremental("i", 1, "customers"), c)

	f.storePage(first, c, p, page(at(0), "t", true))
	third := f.beginFull("c", "customers")
	f.open(third, c)
	f.finalize(third, cancelled)
	fourth := f.beginFull("d", "customers")
	require.NoError(t, f.FailEntity(t.Context(), fourth.Target(c), f.open(fourth, c), events.RunError{Type: events.NotFound}))
	f.open(f.beginFull("e", "customers"), c)
}

func TestOneOfConcurrentFullSyncsOpensAnEntity(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	errs := make(chan error, 5)
	for n := range cap(errs) {
		run := f.beginFull(string(rune('a'+n)), "customers")
		go func() {
			_, err := f.Open(t.Context(), run.Target(c))
			errs <- err
		}()
	}
	opened := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			opened++
		} else {
			require.ErrorIs(t, err, ledger.ErrBusy)
		}
	}
	require.Equal(t, 1, opened)
}

func TestFailEntity(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers", "jobs")
	gone := events.RunError{Type: events.NotFound, Message: "no such path \x00", Entity: "customers"}
	p := f.open(run, c)
	require.NoError(t, f.FailEntity(t.Context(), run.Target(c), p, gone))
	_, err := f.StorePage(t.Context(), run.Target(c), p, page(at(0), "1", true))
	require.ErrorIs(t, err, ledger.ErrFenced)

	failed := f.open(run, c)
	require.Equal(t, events.StatusFailed, failed.Status)
	require.Equal(t, "no such path \uFFFD", failed.Error.Message)
	require.Equal(t, "failed", f.state(c).Status)

	// One that was never opened, and one that is finished.
	jobs := find(t, "jobs")
	require.NoError(t, f.FailEntity(t.Context(), run.Target(jobs), ledger.Position{}, gone))
	require.Equal(t, events.StatusFailed, f.open(run, jobs).Status)
	other := f.beginFull("other", "estimates")
	e := find(t, "estimates")
	p = f.storePage(other, e, f.open(other, e), page(at(0), "1", true))
	require.ErrorIs(t, f.FailEntity(t.Context(), other.Target(e), p, gone), ledger.ErrFenced)
	require.Equal(t, events.StatusCompleted, f.open(other, e).Status)
}

// A late attempt of a slice must not end or describe an entity that a newer one reads.
func TestWritesForAnEarlierPositionChangeNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	stale := f.open(run, c)
	current := f.storePage(run, c, stale, page(at(0), "1", false, customer(1, at(0), "x")))
	for name, p := range map[string]ledger.Position{"an earlier position": stale, "never opened": {}} {
		require.ErrorIs(t, f.FailEntity(t.Context(), run.Target(c), p, events.RunError{Type: events.NotFound}), ledger.ErrFenced, name)
	}
	require.ErrorIs(t, f.SetTotal(t.Context(), run.Target(c), stale, 7), ledger.ErrFenced)
	require.Equal(t, current, f.open(run, c))
	require.Equal(t, "running", f.state(c).Status)
	f.storePage(run, c, current, page(at(1), "2", true))
}

// listed is customers as if it had no export feed.
func listed(t *testing.T) entity.Entity {
	t.Helper()
	e := find(t, "customers")
	e.Export = ""
	return e
}

// listPage is a page of a list.
func listPage(read time.Time, next int, last bool, records ...entity.Record) entity.Page {
	return entity.Page{Records: records, Next: entity.Cursor{Feed: entity.List, Page: next}, Last: last, Total: 10, Date: read}
}

func TestAnIncrementalNeedsAFullSync(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginIncremental("i", 1, "customers")
	p := f.open(run, c)
	require.Equal(t, events.StatusSkipped, p.Status)
	require.Equal(t, "never fully synced: request a full sync first", p.SkippedReason)
	run = f.finalize(run, completed)
	require.Equal(t, ledger.Completed, run.State)
	require.Equal(t, p.SkippedReason, run.Results[0].SkippedReason)
	receipt, err := f.Request(t.Context(), run.Requests[0].ID)
	require.NoError(t, err)
	require.Equal(t, &ledger.Outcome{State: ledger.Completed, RunNumber: run.Number, Skipped: []string{"customers"}}, receipt.Outcome)
	require.Empty(t, f.state(c))

	// A full that is not finished is none.
	full := f.beginFull("f", "customers")
	f.storePage(full, c, f.open(full, c), page(at(0), "t", false))
	require.Equal(t, events.StatusSkipped, f.open(f.beginIncremental("j", 2, "customers"), c).Status)
}

func TestResumeByToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	full := f.beginFull("f", "customers")
	p := f.storePage(full, c, f.open(full, c), page(at(10), "t1", false))
	f.storePage(full, c, p, page(at(20), "t2", true))
	require.Equal(t, entity.Cursor{Feed: entity.Export, Token: "t2", Since: at(10).Add(-store.DefaultOverlap)}, f.open(f.beginIncremental("1", 1, "customers"), c).Cursor)

	// Each page of an incremental takes the token along; the date moves at its end. Pass 2
	// stores a page and no more: it is failed when pass 3 begins.
	run := f.beginIncremental("2", 2, "customers")
	f.storePage(run, c, f.open(run, c), page(at(20), "t3", false))
	run = f.beginIncremental("3", 3, "customers")
	p = f.open(run, c)
	require.Equal(t, entity.Cursor{Feed: entity.Export, Token: "t3", Since: at(10).Add(-store.DefaultOverlap)}, p.Cursor)
	p = f.storePage(run, c, p, page(at(30), "t4", false))
	f.storePage(run, c, p, page(at(40), "", true))
	state := f.state(c)
	require.Equal(t, entity.Cursor{Feed: entity.Export, Token: "t4", Since: at(30).Add(-store.DefaultOverlap)}, f.open(f.beginIncremental("4", 4, "customers"), c).Cursor)
	require.Equal(t, "completed", state.Status)
	require.False(t, state.LastFullSync.IsZero())
	require.True(t, state.LastIncrementalSync.After(state.LastFullSync))
}

func TestResumeByWatermark(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := listed(t)
	since := func(id string, pass int) time.Time {
		cursor := f.open(f.beginIncremental(id, pass, "customers"), c).Cursor
		require.Equal(t, entity.List, cursor.Feed)
		require.Empty(t, cursor.Token)
		return cursor.Since.Add(store.DefaultOverlap)
	}
	full := f.beginFull("f", "customers")
	p := f.storePage(full, c, f.open(full, c), listPage(at(10), 2, false))
	require.EqualValues(t, 10, p.Total)
	f.storePage(full, c, p, listPage(at(20), 3, true))
	require.Equal(t, at(10), since("1", 1), "the clock of the first page")

	// A list that was not read to its end has missed what its later pages show: pass 2 is
	// failed when pass 3 begins.
	run := f.beginIncremental("2", 2, "customers")
	f.storePage(run, c, f.open(run, c), listPage(at(20), 2, false))
	require.Equal(t, at(10), since("3", 3))
	run = f.beginIncremental("4", 4, "customers")
	p = f.storePage(run, c, f.open(run, c), listPage(at(30), 2, false))
	f.storePage(run, c, p, listPage(at(40), 3, true))
	require.Equal(t, at(30), since("5", 5))
}

func TestAFullSyncKeepsAResumePointThatAnIncrementalSet(t *testing.T) {
	t.Parallel()
	for _, moved := range []bool{false, true} {
		f := newFixture(t)
		c := find(t, "customers")
		first := f.beginFull("first", "customers")
		f.storePage(first, c, f.open(first, c), page(at(1), "first", true))

		full := f.beginFull("full", "customers")
		p := f.open(full, c)
		if moved {
			run := f.beginIncremental("i", 1, "customers")
			f.storePage(run, c, f.open(run, c), page(at(5), "incremental", false))
		}
		f.storePage(full, c, p, page(at(9), "full", true))
		want := map[bool]string{false: "full", true: "incremental"}[moved]
		require.Equal(t, want, f.open(f.beginIncremental("then", 2, "customers"), c).Cursor.Token)
	}
}

func TestRowsAndTenants(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	records := []entity.Record{gone(customer(7, time.Time{}, "seven"))}
	for id := 10; id < 10_020; id++ {
		records = append(records, customer(id, at(0), "x"))
	}
	f.storePage(run, c, f.open(run, c), page(at(0), "t", true, records...))
	f.exec("insert into raw.st_jobs (tenant_id, st_id, full_data, fetched_at, run_number) values (-5, 1, '{}', now(), 1), (42, 1, '{}', now(), 1)")

	var ids []string
	require.NoError(t, f.Rows(t.Context(), tenant, c, func(id string, modifiedOn time.Time, deleted bool, fullData []byte) error {
		if id == "7" {
			require.True(t, modifiedOn.IsZero())
			require.True(t, deleted)
			require.JSONEq(t, string(records[0].Raw), string(fullData))
		}
		ids = append(ids, id)
		return nil
	}))
	require.Equal(t, len(records), len(ids))
	for i, id := range ids {
		require.Equal(t, records[i].ID, id)
	}
	require.ErrorIs(t, f.Rows(t.Context(), tenant, c, func(string, time.Time, bool, []byte) error { return ledger.ErrBusy }), ledger.ErrBusy)

	tenants, err := f.Tenants(t.Context())
	require.NoError(t, err)
	require.Equal(t, []events.TenantID{"-5", "42"}, tenants)
	states, err := f.States(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, states, 1)
}
