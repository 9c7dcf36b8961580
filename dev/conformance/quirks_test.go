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

// few are entities by name.
func few(t testing.TB, names ...string) (entities []entity.Entity) {
	t.Helper()
	for _, name := range names {
		e, ok := entity.Find(name)
		require.True(t, ok, name)
		entities = append(entities, e)
	}
	return entities
}

// TestUndocumentedBehaviour shows what is unlike anything else about the API's lists and feeds.
func TestUndocumentedBehaviour(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, few(t, "customers", "ap_bills", "campaigns", "contact_preference_definitions", "intacct_business_unit_mappings")...)
	for name, quirk := range map[string]struct {
		entity string
		show   func(p *pair, name string)
	}{
		"the first page is 0":             {"intacct_business_unit_mappings", firstPageIsZero},
		"an array without envelope":       {"contact_preference_definitions", arrayAlone},
		"an unsorted list that shrinks":   {"ap_bills", listThatShrinks},
		"an unsorted list that is edited": {"ap_bills", listThatIsEdited},
		"a sorted list that shrinks":      {"campaigns", listThatShrinks},
		"a list that never rests":         {"ap_bills", listThatNeverRests},
		"records that come twice":         {"campaigns", recordsTwice},
		"records that come twice in feed": {"customers", recordsTwice},
		"a token that does not advance":   {"customers", stuckToken},
		"a token that expired":            {"customers", expiredToken},
		"a last page without token":       {"customers", noToken},
		"an empty page of a list":         {"campaigns", emptyPageOfList},
		"an empty page of a feed":         {"customers", emptyPageOfFeed},
		"a feed of empty pages":           {"customers", emptyPagesOfFeed},
		"a list that turns no pages":      {"campaigns", listThatTurnsNoPages},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quirk.show(newPair(t, db, simulator.Options{FeedTokenLifetime: time.Hour}, quirk.entity), quirk.entity)
		})
	}
}

func firstPageIsZero(p *pair, name string) {
	p.complete(events.Full, name)
	p.requireEqual(name)
	var pages []string
	for _, query := range p.asked(name, "list") {
		require.Equal(p, "true", query.Get("includeTotal"))
		if query.Get("pageSize") != "1" { // which only counts
			pages = append(pages, query.Get("page"))
		}
	}
	require.Equal(p, []string{"0", "1", "2"}, pages)
}

func arrayAlone(p *pair, name string) {
	p.complete(events.Full, name)
	p.requireEqual(name)
	queries := p.asked(name, "list")
	require.Len(p, queries, 1)
	require.Empty(p, queries[0])
}

// firstPages is how often a list was read from its beginning.
func (p *pair) firstPages(name string) (n int) {
	p.Helper()
	for _, query := range p.asked(name, "list") {
		if query.Get("page") == "1" && query.Get("pageSize") != "1" {
			n++
		}
	}
	return n
}

// listThatShrinks loses a record of a page that was read already: the first of the
// next page slips onto that.
func listThatShrinks(p *pair, name string) {
	var lost string
	p.source.after = func(_ entity.Entity, page entity.Page) {
		if lost == "" { // after the first page
			lost = active(page)[0]
			require.NoError(p, p.Delete(name, p.number(name, lost)))
		}
	}
	p.complete(events.Full, name)
	require.Equal(p, 2, p.firstPages(name))
	require.Equal(p, []string{lost}, p.different(name), "nothing but what was lost, which one full sync has not missed yet")
	p.complete(events.Full, name)
	p.complete(events.Full, name)
	p.requireEqual(name)
}

// listThatIsEdited has no order that anybody knows: any edit may move records.
func listThatIsEdited(p *pair, name string) {
	edited := false
	p.source.after = func(entity.Entity, entity.Page) {
		p.clock.Advance(time.Second)
		if !edited {
			edited = true
			require.NoError(p, p.Update(name, p.dated(name)))
		}
		p.clock.Advance(time.Second)
	}
	p.complete(events.Full, name)
	require.Equal(p, 2, p.firstPages(name))
	p.requireEqual(name)
}

// listThatNeverRests is read three times and then taken as it is.
func listThatNeverRests(p *pair, name string) {
	p.source.after = func(entity.Entity, entity.Page) {
		p.clock.Advance(time.Second)
		require.NoError(p, p.Update(name, p.dated(name)))
	}
	result := p.complete(events.Full, name)
	require.Equal(p, []string{"the list changed during each of 3 reads: a record may be missing until the next full sync"}, result.Warnings)
	require.Equal(p, 3, p.firstPages(name))
	p.source.after = nil
	p.complete(events.Incremental, name)
	p.requireEqual(name)
}

func recordsTwice(p *pair, name string) {
	p.goWrong(simulator.Fault{Kind: "repeatRecord", Entity: name, Count: -1})
	require.Equal(p, int64(records), p.complete(events.Full, name).Inserted)
	p.requireEqual(name)
}

func stuckToken(p *pair, name string) {
	p.goWrong(simulator.Fault{Kind: "stuckToken", Entity: name, On: "export", Skip: 1, Count: -1})
	failed := p.sync(events.Full, name)
	require.Equal(p, events.StatusFailed, failed.Status)
	require.Equal(p, events.APIError, failed.Error.Type)
	require.Contains(p, failed.Error.Message, "continueFrom did not advance")
	require.Equal(p, 2, p.Stats().Entities[name].ExportCalls)

	p.ClearFaults()
	p.complete(events.Full, name)
	p.requireEqual(name)
}

func expiredToken(p *pair, name string) {
	p.complete(events.Full, name)
	id, err := p.RandomID(name)
	require.NoError(p, err)
	require.NoError(p, p.Update(name, id))
	p.clock.Advance(2 * time.Hour) // tokens live for one

	last := value[time.Time](p, "select resume_since from raw.sync_state where tenant_id = $1 and table_name = $2", p.tenant, "raw.st_"+name)
	again := p.complete(events.Incremental, name)
	require.Equal(p, int64(1), again.Updated)
	require.Equal(p, []string{
		"ServiceTitan no longer knows the feed's token: it is read again from " + last.Add(-store.DefaultOverlap).UTC().Format(time.RFC3339),
	}, again.Warnings)
	require.Equal(p, 1, p.Stats().Entities[name].Refused)
	p.requireEqual(name)
	p.complete(events.Incremental, name)
	require.Equal(p, 1, p.Stats().Entities[name].Refused, "the new token is good")
}

func noToken(p *pair, name string) {
	p.goWrong(simulator.Fault{Kind: "emptyToken", Entity: name, On: "export", Skip: 2})
	p.complete(events.Full, name)
	id, err := p.Create(name)
	require.NoError(p, err)
	require.NoError(p, p.Update(name, id))
	require.Equal(p, int64(1), p.complete(events.Incremental, name).Inserted)
	p.requireEqual(name)
}

func emptyPageOfList(p *pair, name string) {
	p.goWrong(simulator.Fault{Kind: "emptyHasMore", Entity: name, On: "list", Skip: 2}) // the count and the first page
	run := p.begin(events.Full, false, name)
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, "page 2 is empty although hasMore is true")
	p.finish(run, name)
	require.Equal(p, int64(records), p.decide(run).Results[0].Inserted)
	p.requireEqual(name)
}

func emptyPageOfFeed(p *pair, name string) {
	p.goWrong(simulator.Fault{Kind: "emptyHasMore", Entity: name, On: "export", Skip: 1})
	p.complete(events.Full, name)
	p.requireEqual(name)
}

// emptyPagesOfFeed continue for so long that the feed is retried later, after their end.
func emptyPagesOfFeed(p *pair, name string) {
	p.goWrong(simulator.Fault{Kind: "emptyHasMore", Entity: name, On: "export", Skip: 1, Count: 50})
	run := p.begin(events.Full, false, name)
	_, err := p.slice(p.Context(), run, name)
	require.ErrorContains(p, err, "21 consecutive pages are empty although hasMore is true")
	p.ClearFaults()
	p.finish(run, name)
	require.Equal(p, int64(records), p.decide(run).Results[0].Inserted)
	p.requireEqual(name)
}

func listThatTurnsNoPages(p *pair, name string) {
	p.goWrong(simulator.Fault{Kind: "samePage", Entity: name, On: "list", Count: -1})
	failed := p.sync(events.Full, name)
	require.Equal(p, events.APIError, failed.Error.Type)
	require.Contains(p, failed.Error.Message, "page 2 has the same 50 records as the previous page although hasMore is true: the list ignores the page number")
	require.Zero(p, failed.Deleted)

	p.ClearFaults()
	p.complete(events.Full, name)
	p.requireEqual(name)
}
