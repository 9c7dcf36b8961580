package servicetitan

import (
	"net/url"
	"strconv"
	"time"

	"github.com/lazi/lazisync/internal/entity"
)

// request is one question to the API, before it has a host, token or tenant.
type request struct {
	entity    entity.Entity
	path      string // with {tenant}
	query     url.Values
	feedToken bool // the query carries the continueFrom of an earlier answer
	// mayBeEmpty says that no content means no records.
	mayBeEmpty bool
}

// pageRequest asks for the page that the cursor at stands before.
func pageRequest(e entity.Entity, at entity.Cursor) (request, error) {
	switch {
	case at.Feed == entity.Export && e.Export != "":
		return exportRequest(e, at), nil
	case at.Feed == entity.List && e.List != "":
		return listRequest(e, at), nil
	}
	return request{}, &Error{Kind: ValidationError, Entity: e.Name, permanent: true,
		Message: "cursor names feed " + strconv.Quote(string(at.Feed)) + ", which this entity does not have"}
}

// exportRequest always wants recent changes: without them the feed lags by
// about a quarter of an hour. Some records then come twice, which is harmless.
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

// listRequest sends no parameter that the list does not have: the API would
// ignore it and answer as if it had been obeyed.
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

// countRequest asks how many records the window of the cursor holds.
func countRequest(e entity.Entity, at entity.Cursor) request {
	q := window(e, at)
	q.Set("page", strconv.Itoa(e.FirstPage()))
	q.Set("pageSize", "1")
	q.Set("includeTotal", "true")
	return request{entity: e, path: e.List, query: q}
}

// countable says whether the list tells how many records it holds.
func countable(e entity.Entity) bool {
	return e.List != "" && !e.Unpaged && e.Shape == entity.Pages && e.Totals != entity.TotalNever
}

// longAgo is before anything in ServiceTitan, for lists that want a bound.
var longAgo = time.Unix(0, 0)

// window asks for the records of the cursor's window, in every state: most lists
// hide inactive ones by default.
func window(e entity.Entity, at entity.Cursor) url.Values {
	q := url.Values{}
	since := at.Since
	if since.IsZero() && e.Filter.Required {
		since = longAgo
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

// pageNumber is the page a list cursor asks for: a cursor that has not moved is
// at the first.
func pageNumber(e entity.Entity, at entity.Cursor) int { return max(at.Page, e.FirstPage()) }

// apiTime writes an instant in UTC with as many digits as it has, at most six.
// Rounding is down, so windows that touch neither overlap nor leave a gap.
func apiTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.999999Z")
}
