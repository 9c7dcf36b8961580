package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
)

// entitiesNamed returns entities by name.
func entitiesNamed(t testing.TB, names ...string) (entities []entity.Entity) {
	t.Helper()
	for _, name := range names {
		e, ok := entity.Find(name)
		require.True(t, ok, name)
		entities = append(entities, e)
	}
	return entities
}

// TestUndocumentedBehaviour covers what differs from all other lists and feeds of the API.
func TestUndocumentedBehaviour(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, entitiesNamed(t, "customers", "ap_bills", "campaigns", "contact_preference_definitions", "intacct_business_unit_mappings")...)
	for name, test := range map[string]struct {
		entity string
		run    func(p *pipeline, name string)
	}{
		"the first page is 0":                 {"intacct_business_unit_mappings", firstPageIsZero},
		"an array without envelope":           {"contact_preference_definitions", bareArray},
		"a shrinking unsorted list":           {"ap_bills", shrinkingList},
		"an edited unsorted list":             {"ap_bills", editedList},
		"a shrinking sorted list":             {"campaigns", shrinkingList},
		"an unstable list":                    {"ap_bills", unstableList},
		"repeated records of a list":          {"campaigns", repeatedRecords},
		"repeated records of a feed":          {"customers", repeatedRecords},
		"a token that does not advance":       {"customers", stuckToken},
		"an expired token":                    {"customers", expiredToken},
		"a last page without token":           {"customers", emptyToken},
		"an empty page of a list":             {"campaigns", emptyPageOfList},
		"an empty page of a feed":             {"customers", emptyPageOfFeed},
		"a feed of empty pages":               {"customers", emptyPagesOfFeed},
		"a list that ignores the page number": {"campaigns", listIgnoresPage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.run(newPipeline(t, db, simulator.Options{FeedTokenLifetime: time.Hour}, test.entity), test.entity)
		})
	}
}

func firstPageIsZero(p *pipeline, name string) {
	p.requireSync(events.Full, name)
	p.requireEqual(name)
	var pages []string
	for _, query := range p.queries(name, "list") {
		require.Equal(p, "true", query.Get("includeTotal"))
		if query.Get("pageSize") != "1" { // which only counts
			pages = append(pages, query.Get("page"))
		}
	}
	require.Equal(p, []string{"0", "1", "2"}, pages)
}

func bareArray(p *pipeline, name string) {
	p.requireSync(events.Full, name)
	p.requireEqual(name)
	queries := p.queries(name, "list")
	require.Len(p, queries, 1)
	require.Empty(p, queries[0])
}

// firstPages returns how often a list was read from its first page.
func (p *pipeline) firstPages(name string) (n int) {
	p.Helper()
	for _, query := range p.queries(name, "list") {
		if query.Get("page") == "1" && query.Get("pageSize") != "1" {
			n++
		}
	}
	return n
}

// shrinkingList deletes a record of a page that was already read: the first record of the next page
// moves to that page.
func shrinkingList(p *pipeline, name string) {
	var lost string
	p.source.after = func(_ entity.Entity, page entity.Page) {
		if lost == "" { // after the first page
			lost = active(page)[0]
			require.NoError(p, p.Delete(name, p.number(name, lost)))
		}
	}
	p.requireSync(events.Full, name)
	require.Equal(p, 2, p.firstPages(name))
	require.Equal(p, []string{lost}, p.differentKeys(name), "only the deleted record, which must be missing twice")
	p.requireSync(events.Full, name)
	p.requireSync(events.Full, name)
	p.requireEqual(name)
}

// editedList has no documented order: any edit may move records.
func editedList(p *pipeline, name string) {
	edited := false
	p.source.after = func(entity.Entity, entity.Page) {
		p.clock.Advance(time.Second)
		if !edited {
			edited = true
			require.NoError(p, p.Update(name, p.idWithModifiedOn(name)))
		}
		p.clock.Advance(time.Second)
	}
	p.requireSync(events.Full, name)
	require.Equal(p, 2, p.firstPages(name))
	p.requireEqual(name)
}

// unstableList is read three times and then used as it is.
func unstableList(p *pipeline, name string) {
	p.source.after = func(entity.Entity, entity.Page) {
		p.clock.Advance(time.Second)
		require.NoError(p, p.Update(name, p.idWithModifiedOn(name)))
	}
	result := p.requireSync(events.Full, name)
	require.Equal(p, []string{"the list changed during each of 3 reads: a record may be missing until the next full sync"}, result.Warnings)
	require.Equal(p, 3, p.firstPages(name))
	p.source.after = nil
	p.requireSync(events.Incremental, name)
	p.requireEqual(name)
}

func repeatedRecords(p *pipeline, name string) {
	p.addFault(simulator.Fault{Kind: "repeatRecord", Entity: name, Count: -1})
	require.Equal(p, int64(records), p.requireSync(events.Full, name).Inserted)
	p.requireEqual(name)
}

func stuckToken(p *pipeline, name string) {
	p.addFault(simulator.Fault{Kind: "stuckToken", Entity: name, On: "export", Skip: 1, Count: -1})
	failed := p.sync(events.Full, name)
	require.Equal(p, events.StatusFailed, failed.Status)
	require.Equal(p, events.APIError, failed.Error.Type)
	require.Contains(p, failed.Error.Message, "continueFrom did not advance")
	require.Equal(p, 2, p.Stats().Entities[name].ExportCalls)

	p.ClearFaults()
	p.requireSync(events.Full, name)
	p.requireEqual(name)
}

func expiredToken(p *pipeline, name string) {
	p.requireSync(events.Full, name)
	id, err := p.RandomID(name)
	require.NoError(p, err)
	require.NoError(p, p.Update(name, id))
	p.clock.Advance(2 * time.Hour) // tokens live for one hour

	last := value[time.Time](p, "select resume_since from raw.sync_state where tenant_id = $1 and table_name = $2", p.tenant, "raw.st_"+name)
	again := p.requireSync(events.Incremental, name)
	require.Equal(p, int64(1), again.Updated)
	require.Equal(p, []string{
		"ServiceTitan no longer knows the feed's token: it is read again from " + last.Add(-store.DefaultOverlap).UTC().Format(time.RFC3339),
	}, again.Warnings)
	require.Equal(p, 1, p.Stats().Entities[name].Refused)
	p.requireEqual(name)
	p.requireSync(events.Incremental, name)
	require.Equal(p, 1, p.Stats().Entities[name].Refused, "the new token is good")
}

func emptyToken(p *pipeline, name string) {
	p.addFault(simulator.Fault{Kind: "emptyToken", Entity: name, On: "export", Skip: 2})
	p.requireSync(events.Full, name)
	id, err := p.Create(name)
	require.NoError(p, err)
	require.NoError(p, p.Update(name, id))
	require.Equal(p, int64(1), p.requireSync(events.Incremental, name).Inserted)
	p.requireEqual(name)
}

func emptyPageOfList(p *pipeline, name string) {
	p.addFault(simulator.Fault{Kind: "emptyHasMore", Entity: name, On: "list", Skip: 1})
	run := p.begin(events.Full, false, name)
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, "page 2 is empty although hasMore is true")
	p.finish(run, name)
	require.Equal(p, int64(records), p.finalize(run).Results[0].Inserted)
	p.requireEqual(name)
}

func emptyPageOfFeed(p *pipeline, name string) {
	p.addFault(simulator.Fault{Kind: "emptyHasMore", Entity: name, On: "export", Skip: 1})
	p.requireSync(events.Full, name)
	p.requireEqual(name)
}

// emptyPagesOfFeed returns empty pages until the feed fails, and is retried after they end.
func emptyPagesOfFeed(p *pipeline, name string) {
	p.addFault(simulator.Fault{Kind: "emptyHasMore", Entity: name, On: "export", Skip: 1, Count: 50})
	run := p.begin(events.Full, false, name)
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, "21 consecutive pages are empty although hasMore is true")
	p.ClearFaults()
	p.finish(run, name)
	require.Equal(p, int64(records), p.finalize(run).Results[0].Inserted)
	p.requireEqual(name)
}

func listIgnoresPage(p *pipeline, name string) {
	p.addFault(simulator.Fault{Kind: "samePage", Entity: name, On: "list", Count: -1})
	failed := p.sync(events.Full, name)
	require.Equal(p, events.APIError, failed.Error.Type)
	require.Contains(p, failed.Error.Message, "page 2 has the same 50 records as the previous page although hasMore is true: the list ignores the page number")
	require.Zero(p, failed.Deleted)

	p.ClearFaults()
	p.requireSync(events.Full, name)
	p.requireEqual(name)
}
