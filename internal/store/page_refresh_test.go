package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// refresh is a request for records of an entity.
func refresh(eventID, name string, ids ...string) ledger.Request {
	q := request(events.Incremental, eventID, name)
	q.IDs = ids
	return q
}

// refreshSince is a request for what changed in an entity.
func refreshSince(eventID, name string, since time.Time) ledger.Request {
	q := request(events.Incremental, eventID, name)
	q.Since = &since
	return q
}

// beginPass begins a pass of a workflow that serves refreshes. It returns false if no request waits.
func (f *fixture) beginPass(pass int) (ledger.Run, bool) {
	f.Helper()
	in := incremental("exec", pass)
	in.Refreshes = true
	run, found, err := f.BeginRun(f.Context(), in)
	require.NoError(f, err)
	return run, found
}

// beginRefresh begins a pass for new requests.
func (f *fixture) beginRefresh(pass int, requests ...ledger.Request) ledger.Run {
	f.Helper()
	f.receive(requests...)
	run, found := f.beginPass(pass)
	require.True(f, found)
	require.True(f, run.Refresh)
	return run
}

// fullFeed stores the records of an export feed as a complete full sync, with the token t1.
func (f *fixture) fullFeed(name string, e entity.Entity, records ...entity.Record) {
	f.Helper()
	run := f.beginFull(name, e.Name)
	f.storePage(run, e, f.open(run, e), page(at(0), "t1", true, records...))
	f.finalize(run, completed)
}

// tableState is what a refresh must not change of the state of a table.
func (f *fixture) tableState() string {
	f.Helper()
	return get[string](f, `select coalesce(string_agg((to_jsonb(s) - 'records_count' - 'updated_at')::text, ';'), '') from raw.sync_state s`)
}

func recordsByID(records ...entity.Record) map[string]entity.Record {
	byID := map[string]entity.Record{}
	for _, r := range records {
		byID[r.ID] = r
	}
	return byID
}

func TestRefreshReadsTheIDsOfAllRequestsOnce(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), lookupEntity(t)
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 10)})
	before := f.tableState()

	run := f.beginRefresh(1, refresh("b", e.Name, "3", "4", "11"), refresh("c", e.Name, "4", "5", "99"))
	require.Len(t, run.Requests, 2)
	require.ElementsMatch(t, [][]string{{"3", "4", "11"}, {"4", "5", "99"}}, [][]string{run.Requests[0].IDs, run.Requests[1].IDs})
	p := f.open(run, e)
	require.Equal(t, events.PhaseSweeping, p.Phase, "no page is read")
	p, lookedUp := f.lookUp(run, e, p, 5, recordsByID(
		customer(3, at(4), "renamed"), customer(4, at(0), "c4"), customer(5, time.Time{}, "without a time"), customer(11, at(4), "new")))
	require.Equal(t, []string{"11", "3", "4", "5", "99"}, lookedUp, "each id once")
	require.Equal(t, events.StatusCompleted, p.Status)
	require.Equal(t, int64(3), p.Pages, "one for each lookup")
	require.Equal(t, int64(4), p.Fetched)
	require.Equal(t, int64(1), p.Inserted)
	require.Equal(t, []string{"ServiceTitan did not return 1 of 5 ids: 99; they are deleted or unknown there, and their rows were not changed"}, p.Warnings)
	require.Equal(t, "renamed", get[string](f, "select name from raw.st_customers where st_id = 3"))
	require.Empty(t, f.deletedIDs())
	require.EqualValues(t, 11, f.state(e).Records)
	require.Equal(t, before, f.tableState(), "resume point, status and freshness stay")

	done := f.finalize(run, completed)
	require.True(t, done.Refresh)
	require.Equal(t, ledger.Completed, done.State)
	require.Zero(t, get[int64](f, "select count(*) from raw.sync_refresh_ids"))
	require.Equal(t, before, f.tableState())
	outcome, err := done.OutcomeEvents()
	require.NoError(t, err)
	data, err := events.Completed.Data(outcome[0])
	require.NoError(t, err)
	require.True(t, data.Refresh)
	require.Len(t, data.Requests, 2)
}

// The row of an id that was not returned stays, whatever the reason; a damaged response hides which.
func TestRefreshDeletesNothing(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), lookupEntity(t)
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 100)})
	var all []string
	for id := 1; id <= 100; id++ {
		all = append(all, fmt.Sprint(id))
	}
	run := f.beginRefresh(1, refresh("b", e.Name, all...))
	p, _ := f.lookUp(run, e, f.open(run, e), 1, nil)
	require.Empty(t, f.deletedIDs())
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0], "did not return 100 of 100 ids: 1, 2, 3,")
	require.Contains(t, p.Warnings[0], "20 and 80 more;")
	f.finalize(run, completed)

	run = f.beginRefresh(2, refresh("c", e.Name, "1", "2"))
	p, err := f.StoreLookup(t.Context(), run.Target(e), f.open(run, e), []string{"1", "2"},
		entity.Page{Date: at(2), Rejected: []entity.Rejected{{Reason: "no id", Raw: []byte("{}")}}})
	require.NoError(t, err)
	require.Equal(t, events.StatusCompleted, p.Status)
	require.Empty(t, p.Warnings, "the record without an id may be any of them")
	f.finalize(run, completed)

	run = f.beginRefresh(3, refresh("d", e.Name, "abc"))
	p, err = f.StoreLookup(t.Context(), run.Target(e), f.open(run, e), []string{"abc"},
		entity.Page{Date: at(2), Rejected: []entity.Rejected{{ID: "ABC", Reason: "bad date", Raw: []byte("{}")}}})
	require.NoError(t, err)
	require.Empty(t, p.Warnings, "ServiceTitan writes GUIDs in one way")
}

func TestOlderRecordsOfARefreshChangeNothing(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), lookupEntity(t)
	f.fullRead("a", e, 5, entity.Page{Records: []entity.Record{customer(1, at(4), "new"), customer(2, at(4), "new")}})
	run := f.beginRefresh(1, refresh("b", e.Name, "1", "2"))
	p, _ := f.lookUp(run, e, f.open(run, e), 3, recordsByID(customer(1, at(2), "old"), customer(2, at(4), "same version, read earlier")))
	require.Equal(t, int64(2), p.Unchanged)
	require.Equal(t, []string{"new", "new"}, []string{
		get[string](f, "select name from raw.st_customers where st_id = 1"), get[string](f, "select name from raw.st_customers where st_id = 2"),
	})
}

// The list of an entity with an export feed may write the same version in another form.
func TestRefreshFromAListKeepsTheFormOfTheFeed(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	require.NotEmpty(t, e.Export)
	f.fullFeed("a", e, customer(1, at(0), "of the feed"), customer(2, at(0), "of the feed"))
	run := f.beginRefresh(1, refresh("b", e.Name, "1", "2", "3"))
	p, _ := f.lookUp(run, e, f.open(run, e), 5, recordsByID(
		customer(1, at(0), "of the list"), customer(2, at(4), "newer, of the list"), customer(3, at(4), "new, of the list")))
	require.Equal(t, events.Counts{Pages: 2, Fetched: 3, Inserted: 1, Updated: 1, Unchanged: 1}, p.Counts)
	require.Equal(t, "of the feed", get[string](f, "select name from raw.st_customers where st_id = 1"))
	f.finalize(run, completed)

	// The next incremental brings the feed's form of what changed.
	run = f.beginIncremental("c", 2, e.Name)
	require.False(t, run.Refresh)
	next := f.open(run, e)
	require.Equal(t, "t1", next.Cursor.Token, "the resume point is where it was")
	f.storePage(run, e, next, page(at(6), "t2", true, customer(2, at(4), "newer, of the feed")))
	require.Equal(t, "newer, of the feed", get[string](f, "select name from raw.st_customers where st_id = 2"))
}

func TestRefreshSinceATimeThenByIDs(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "jobs")
	job := func(id int, modified time.Time) entity.Record {
		return entity.Record{ID: fmt.Sprint(id), ModifiedOn: modified, Raw: fmt.Appendf(nil, `{"id":%d,"active":true}`, id)}
	}
	f.fullFeed("a", e, job(1, at(0)))
	before := f.tableState()
	run := f.beginRefresh(1, refreshSince("b", e.Name, at(3)), refreshSince("c", e.Name, at(2)), refresh("d", e.Name, "7"))
	p := f.open(run, e)
	require.Equal(t, events.PhaseReading, p.Phase)
	require.Equal(t, entity.Cursor{Feed: entity.Export, Since: at(2)}, p.Cursor, "the earliest time")
	p = f.storePage(run, e, p, page(at(5), "from a time", false, job(2, at(4))))
	require.False(t, p.Done())
	p = f.storePage(run, e, p, page(at(5), "from a time 2", true, job(3, at(4))))
	require.Equal(t, events.PhaseSweeping, p.Phase, "then the ids")
	require.False(t, p.Done())
	p, lookedUp := f.lookUp(run, e, p, 5, recordsByID(job(7, at(4))))
	require.Equal(t, []string{"7"}, lookedUp)
	require.Equal(t, events.StatusCompleted, p.Status)
	require.Equal(t, int64(3), p.Inserted)
	f.finalize(run, completed)
	require.Equal(t, before, f.tableState())

	run = f.beginRefresh(2, refreshSince("e", e.Name, at(2)))
	p = f.storePage(run, e, f.open(run, e), page(at(6), "another", true))
	require.Equal(t, events.StatusCompleted, p.Status, "no ids follow")
	require.Equal(t, before, f.tableState())
}

// Neither kind of requests waits for more than one pass of the other.
func TestRefreshesAndOtherIncrementalsHavePassesOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receive(request(events.Incremental, "a", "jobs"))
	f.receive(refresh("b", "customers", "1"), request(events.Incremental, "c", "invoices"), refreshSince("d", "jobs", at(0)))
	f.receive(request(events.Incremental, "e", "jobs"))
	served := func(run ledger.Run) (names []string) {
		for _, q := range run.Requests {
			names = append(names, q.EventID)
		}
		slices.Sort(names)
		return names
	}
	first, found := f.beginPass(1)
	require.True(t, found)
	require.False(t, first.Refresh)
	require.Equal(t, []string{"jobs", "invoices"}, first.Entities)
	require.Equal(t, []string{"a", "c", "e"}, served(first))
	f.receive(request(events.Incremental, "f", "jobs"))
	again, _ := f.beginPass(1)
	require.Equal(t, first.Number, again.Number, "beginning it again changes nothing")
	second, found := f.beginPass(2)
	require.True(t, found)
	require.True(t, second.Refresh)
	require.Equal(t, []string{"customers", "jobs"}, second.Entities)
	require.Equal(t, []string{"b", "d"}, served(second))
	third, found := f.beginPass(3)
	require.True(t, found)
	require.False(t, third.Refresh)
	_, found = f.beginPass(4)
	require.False(t, found)
}

// The workflow of an earlier version would continue a refresh as an incremental sync.
func TestRefreshesInAPreviousWorkflowAreOtherIncrementals(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	f.fullFeed("a", e, ids(1, 3)...)
	f.receive(refresh("b", e.Name, "1"))
	run, found, err := f.BeginRun(t.Context(), incremental("exec", 1))
	require.NoError(t, err)
	require.True(t, found)
	require.False(t, run.Refresh)
	p := f.open(run, e)
	require.Equal(t, "t1", p.Cursor.Token)
	require.Equal(t, events.PhaseReading, p.Phase)
}

func TestRefreshSkipsAnEntity(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*fixture, entity.Entity)
		reason  string
	}{
		"that was never fully synced": {func(*fixture, entity.Entity) {}, "never fully synced: request a full sync first"},
		"whose requests were withdrawn": {func(f *fixture, e entity.Entity) {
			f.fullRead("a", e, 0, entity.Page{Records: ids(1, 3)})
		}, "its requests were cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), lookupEntity(t)
			c.prepare(f, e)
			q := refresh("b", e.Name, "1")
			run := f.beginRefresh(1, q)
			if c.reason == "its requests were cancelled" {
				withdrawn, emptyPass, err := f.WithdrawRequest(t.Context(), q.ID, "typo")
				require.NoError(t, err)
				require.Equal(t, run.Number, emptyPass)
				require.True(t, withdrawn.Refresh)
			}
			p := f.open(run, e)
			require.Equal(t, events.StatusSkipped, p.Status)
			require.Equal(t, c.reason, p.SkippedReason)
		})
	}
}

// A refresh that fails or is cancelled leaves the status of a table that another run reads.
func TestRefreshThatEndsEarlyLeavesTheTableAlone(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), lookupEntity(t)
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 3)})
	full := f.beginFull("b", e.Name)
	f.open(full, e)
	before := f.tableState()
	require.Contains(t, before, `"sync_status": "running"`)

	run := f.beginRefresh(1, refresh("c", e.Name, "1"))
	f.open(run, e)
	f.finalize(run, ledger.Finalization{State: ledger.Cancelled, ClaimQueued: true})
	require.Equal(t, before, f.tableState())

	run = f.beginRefresh(2, refresh("d", e.Name, "1"))
	require.NoError(t, f.FailEntity(t.Context(), run.Target(e), f.open(run, e), events.RunError{Type: events.APIError, Message: "down"}))
	require.Equal(t, ledger.Failed, f.finalize(run, completed).State)
	require.Equal(t, before, f.tableState())
}
