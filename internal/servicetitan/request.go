package servicetitan

import (
	"net/url"
	"strconv"
	"time"

	"github.com/lazi/lazisync/internal/entity"
)

// request is a request without host, token and tenant.
type request struct {
	entity    entity.Entity
	path      string // with {tenant}
	query     url.Values
	feedToken bool // the query carries the continueFrom of an earlier response
	// mayBeEmpty accepts a response without content as one without records.
	mayBeEmpty bool
	// slot is acquired before the body of the response is read; nil for short responses.
	slot *pageSlot
}

// pageRequest returns the request for the page that the cursor at points to.
func pageRequest(e entity.Entity, at entity.Cursor) (request, error) {
	switch {
	case at.Feed == entity.Export && e.Export != "":
		return exportRequest(e, at), nil
	case at.Feed == entity.List && e.List != "":
		return listRequest(e, at), nil
	}
	return request{}, &Error{Kind: ValidationError, Entity: e.Name, permanent: true,
		Message: "cursor: unknown feed " + strconv.Quote(string(at.Feed)) + " for this entity"}
}

// exportRequest always asks for recent changes, without which the feed lags by about a
// quarter of an hour. Some records are then received twice, which is harmless.
func exportRequest(e entity.Entity, at entity.Cursor) request {
	q := url.Values{"includeRecentChanges": {"true"}}
	switch {
	case at.Token != "":
		q.Set("from", at.Token)
	case !at.Since.IsZero():
		q.Set("from", apiTime(at.Since))
	}
	set(q, e.ExportStates)
	return request{entity: e, path: e.Export, query: q, feedToken: at.Token != ""}
}

// listRequest sends only parameters that the list has, because the API ignores others
// without an error.
func listRequest(e entity.Entity, at entity.Cursor) request {
	q := window(e, at)
	if !e.Unpaged {
		q.Set("page", strconv.Itoa(pageNumber(e, at)))
		q.Set("pageSize", strconv.Itoa(e.LargestPage()))
		first := pageNumber(e, at) == e.FirstPage() // counting costs the server; once is enough
		if e.Totals == entity.TotalAlways || e.Totals == entity.TotalOnRequest && first {
			q.Set("includeTotal", "true")
		}
	}
	if e.Sort != "" {
		q.Set("sort", e.Sort)
	}
	return request{entity: e, path: e.List, query: q}
}

// countRequest returns the request for the number of records in the window of the cursor.
func countRequest(e entity.Entity, at entity.Cursor) request {
	q := window(e, at)
	q.Set("page", strconv.Itoa(e.FirstPage()))
	q.Set("pageSize", "1")
	q.Set("includeTotal", "true")
	return request{entity: e, path: e.List, query: q}
}

// epoch is before all records, for lists that require a lower bound.
var epoch = time.Unix(0, 0)

// window returns the parameters for the records in the window of the cursor, in every state:
// most lists hide inactive records by default.
func window(e entity.Entity, at entity.Cursor) url.Values {
	q := url.Values{}
	since := at.Since
	if since.IsZero() && e.Filter.Required {
		since = epoch
	}
	if e.Filter.From != "" && !since.IsZero() {
		q.Set(e.Filter.From, apiTime(since))
	}
	if e.Filter.Before != "" && !at.Before.IsZero() {
		q.Set(e.Filter.Before, apiTime(at.Before))
	}
	set(q, e.States)
	return q
}

func set(q url.Values, p entity.QueryParam) {
	if p.Name != "" {
		q.Set(p.Name, p.Value)
	}
}

// pageNumber returns the page that a list cursor points to. The zero cursor points to the
// first page.
func pageNumber(e entity.Entity, at entity.Cursor) int { return max(at.Page, e.FirstPage()) }

// apiTime formats a time in UTC with up to six fractional digits. It rounds down, so that
// adjacent windows neither overlap nor leave a gap.
func apiTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.999999Z")
}
