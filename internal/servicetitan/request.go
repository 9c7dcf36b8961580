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
	return request{entity: e, path: e.Export, query: q, feedToken: at.Token != ""}
}

func listRequest(e entity.Entity, at entity.Cursor) request {
	page := pageNumber(at)
	q := url.Values{"page": {strconv.Itoa(page)}, "pageSize": {strconv.Itoa(pageSize(e))}}
	if page == 1 { // counting costs the server; once is enough
		q.Set("includeTotal", "true")
	}
	if e.Sort != "" {
		q.Set("sort", e.Sort)
	}
	if e.Filter.From != "" && !at.Since.IsZero() {
		q.Set(e.Filter.From, apiTime(at.Since))
	}
	if e.Filter.Before != "" && !at.Before.IsZero() {
		q.Set(e.Filter.Before, apiTime(at.Before))
	}
	return allStates(e, q)
}

func countRequest(e entity.Entity) request {
	return allStates(e, url.Values{"page": {"1"}, "pageSize": {"1"}, "includeTotal": {"true"}})
}

// allStates asks for inactive records too: most lists hide them by default.
func allStates(e entity.Entity, q url.Values) request {
	if e.States.Name != "" {
		q.Set(e.States.Name, e.States.Value)
	}
	return request{entity: e, path: e.List, query: q}
}

// pageNumber is the page a list cursor asks for: a cursor that has not moved is
// at the first.
func pageNumber(at entity.Cursor) int { return max(at.Page, 1) }

func pageSize(e entity.Entity) int {
	if e.PageSize == 0 {
		return entity.MaxPageSize
	}
	return e.PageSize
}

// apiTime writes an instant in UTC with as many digits as it has, at most six.
// Rounding is down, so windows that touch neither overlap nor leave a gap.
func apiTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.999999Z")
}
