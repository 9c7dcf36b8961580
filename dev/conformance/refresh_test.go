package conformance

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// TestRefreshOfEveryEntity reads records of every entity by their ids and since a time, as far as
// ServiceTitan allows it.
func TestRefreshOfEveryEntity(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	possible := ledger.Refreshes()
	for _, e := range entity.Catalogue {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			if possible[e.Name].NoIDs == "" {
				refreshByIDs(newPipeline(t, db, simulator.Options{}, e.Name), e)
			}
			if possible[e.Name].NoSince == "" {
				refreshSince(newPipeline(t, db, simulator.Options{}, e.Name), e)
			}
		})
	}
}

// refreshByIDs changes records and reads some of them by their ids, with unknown ones and a deleted
// one: they are then equal, and nothing else has changed.
func refreshByIDs(p *pipeline, e entity.Entity) {
	p.requireSync(events.Full, e.Name)
	all := p.simulatorRecords(e.Name)
	p.clock.Advance(20 * time.Minute)
	changed, same := p.some(all[10:], 60, p.Update, e.Name), all[:10]
	left := changed[0]
	changed = changed[1:]
	deleted := "" // not every record can be deleted
	if p.Delete(e.Name, changed[0].number) == nil {
		deleted = changed[0].key
	}
	created, err := p.Create(e.Name)
	require.NoError(p, err)
	before, resume := p.tableState(e), p.resumePoint(e)
	p.clock.Advance(time.Minute)

	unknown := "1"
	if e.Key == entity.TextID {
		unknown = "00000000-0000-4000-8000-000000000001"
	}
	ids := []string{p.key(e.Name, created), unknown}
	for _, r := range slices.Concat(changed, same) {
		ids = append(ids, r.key)
	}
	request := ledger.Request{Mode: events.Incremental, Entities: []string{e.Name}, IDs: ids}
	half := request
	half.IDs = ids[len(ids)/2:]
	result := p.refresh(e.Name, request, half)
	require.Equal(p, int64(1), result.Inserted)
	require.Equal(p, int64(2), result.Pages, "%d ids, 50 with each call", len(ids))
	require.Len(p, p.lookups(e.Name), 2)
	require.Len(p, result.Warnings, 1)
	require.Contains(p, result.Warnings[0], fmt.Sprintf("of %d ids", len(ids)))
	require.Contains(p, result.Warnings[0], unknown)
	require.Equal(p, before, p.tableState(e))
	require.Equal(p, resume, p.resumePoint(e))
	different := p.differentKeys(e.Name)
	require.Contains(p, different, left.key, "it reads nothing else")
	different = slices.DeleteFunc(different, func(key string) bool { return key == left.key || key == deleted })
	require.Empty(p, different, "%v", p.compare(e.Name).Differences)
	if slices.Contains(p.differentKeys(e.Name), deleted) {
		require.Contains(p, result.Warnings[0], deleted, "a row that was not returned stays")
		require.Zero(p, result.Deleted)
	}
	overtakeRefresh(p, e, changed[len(changed)-1])

	p.requireSync(events.Incremental, e.Name)
	p.requireSync(events.Full, e.Name)
	p.requireSync(events.Full, e.Name)
	p.requireEqual(e.Name)
	p.requireNothingIgnored(e.Name)
}

// overtakeRefresh changes a record that a refresh has read, and lets an incremental sync store the new
// version first: the refresh does not overwrite it.
func overtakeRefresh(p *pipeline, e entity.Entity, r simulatorRecord) {
	p.source.lookedUp = func(entity.Page) {
		p.source.lookedUp = nil
		require.NoError(p, p.Update(e.Name, r.number))
		p.requireSync(events.Incremental, e.Name)
	}
	p.refresh(e.Name, ledger.Request{Mode: events.Incremental, Entities: []string{e.Name}, IDs: []string{r.key}})
	if tracks := e.Tracks(); tracks == entity.FeedChanges || tracks == entity.WholeList || r.json.Get("modifiedOn").Str != "" && tracks == entity.Changes {
		require.NotContains(p, p.differentKeys(e.Name), r.key)
	}
}

// refreshSince changes records and reads what changed since a time: the rows are then as an incremental
// sync leaves them, and the next one still reads the changes.
func refreshSince(p *pipeline, e entity.Entity) {
	p.requireSync(events.Full, e.Name)
	p.clock.Advance(20 * time.Minute)
	early := p.some(p.simulatorRecords(e.Name), 1, p.Update, e.Name)[0]
	p.clock.Advance(time.Minute)
	since := p.clock.Now()
	p.clock.Advance(time.Minute)
	c := p.change(e)
	before, resume := p.tableState(e), p.resumePoint(e)
	p.clock.Advance(time.Minute)

	calls := len(p.Stats().Requests)
	request := ledger.Request{Mode: events.Incremental, Entities: []string{e.Name}, Since: &since}
	result := p.refresh(e.Name, request)
	require.LessOrEqual(p, result.Inserted, int64(3), "a list finds no record without a time")
	require.Positive(p, result.Inserted)
	require.Empty(p, result.Warnings)
	require.LessOrEqual(p, len(p.Stats().Requests)-calls, 2, "a call or two of the API")
	require.Equal(p, before, p.tableState(e))
	require.Equal(p, resume, p.resumePoint(e))
	for _, key := range p.differentKeys(e.Name) {
		if key != early.key {
			require.Contains(p, c.unseen(e), key, "%v", p.compare(e.Name).Differences)
		}
	}

	next := p.requireSync(events.Incremental, e.Name)
	require.GreaterOrEqual(p, next.Fetched, result.Fetched, "the next incremental sync reads it all")
	p.requireSync(events.Full, e.Name)
	p.requireSync(events.Full, e.Name)
	p.requireEqual(e.Name)
	p.requireNothingIgnored(e.Name)
}

// refresh serves requests with one run, which must complete.
func (p *pipeline) refresh(name string, requests ...ledger.Request) events.Result {
	p.Helper()
	run := p.beginFor(requests...)
	require.True(p, run.Refresh)
	require.Len(p, run.Requests, len(requests))
	p.finish(run, name)
	result := p.finalize(run).Results[0]
	require.Nil(p, result.Error)
	require.Equal(p, events.StatusCompleted, result.Status)
	return result
}

// some does something to n of the records for which it is possible, and returns them.
func (p *pipeline) some(of []simulatorRecord, n int, do func(string, int64) error, name string) (done []simulatorRecord) {
	p.Helper()
	for _, r := range of {
		if len(done) < n && do(name, r.number) == nil {
			done = append(done, r)
		}
	}
	require.Len(p, done, n)
	return done
}

// key returns the key of a record with a number of the simulator.
func (p *pipeline) key(name string, number int64) string {
	p.Helper()
	for _, r := range p.simulatorRecords(name) {
		if r.number == number {
			return r.key
		}
	}
	require.Fail(p, "no such record", "%s %s", name, strconv.FormatInt(number, 10))
	return ""
}

// lookups returns the queries of the lookups by id so far.
func (p *pipeline) lookups(name string) []url.Values {
	p.Helper()
	return slices.DeleteFunc(p.queries(name, "list"), func(q url.Values) bool { return !q.Has("ids") })
}

// tableState returns the state of a table, without the number of its rows.
func (p *pipeline) tableState(e entity.Entity) string {
	p.Helper()
	return value[string](p, "select (to_jsonb(s) - 'records_count' - 'updated_at')::text from raw.sync_state s where tenant_id = $1 and table_name = $2",
		p.tenant, "raw."+e.Table())
}

// resumePoint returns where the next incremental sync begins.
func (p *pipeline) resumePoint(e entity.Entity) string {
	p.Helper()
	return value[string](p, "select concat(resume_token, ' ', resume_since, ' ', resume_version) from raw.sync_state where tenant_id = $1 and table_name = $2",
		p.tenant, "raw."+e.Table())
}
