package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// anyQuery is the query of routes that ignore parameters because other programs add their
// own: webhooks, the page and metrics.
const anyQuery = "*"

// withQuery rejects queries with unknown parameters, so that a misspelt one is not ignored.
func (r route) withQuery(handle handler) handler {
	if slices.Contains(r.query, anyQuery) {
		return handle
	}
	return func(w http.ResponseWriter, request *http.Request) error {
		if err := checkQuery(request.URL.RawQuery, r.query); err != nil {
			return err
		}
		return handle(w, request)
	}
}

// checkQuery returns a problem with all errors in a query, or nil.
func checkQuery(raw string, known []string) error {
	given, err := url.ParseQuery(raw)
	if err != nil {
		return badQuery(field("query", raw, "percent-encoded name=value pairs separated by &"))
	}
	var problems []events.FieldError
	for name, values := range given {
		switch {
		case !slices.Contains(known, name):
			problems = append(problems, events.FieldError{Path: name, Got: "an unknown parameter", Want: wantedParameter(name, known)})
		case len(values) > 1:
			problems = append(problems, events.FieldError{Path: name, Got: strconv.Itoa(len(values)) + " values", Want: "one"})
		case values[0] == "":
			problems = append(problems, field(name, "", "a value"))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.SortFunc(problems, func(a, b events.FieldError) int { return strings.Compare(a.Path, b.Path) })
	return badQuery(problems...)
}

func wantedParameter(name string, known []string) string {
	if len(known) == 0 {
		return "no parameters"
	}
	if near, ok := events.Nearest(name, known); ok {
		return near
	}
	return strings.Join(known, ", ")
}

func badQuery(list ...events.FieldError) *Problem {
	return fieldProblem(http.StatusBadRequest, "bad-query", "Invalid query", list...)
}

// listFilter has the parameters that the lists of the ledger have in common.
type listFilter struct {
	tenant events.TenantID
	since  time.Time
	before int64 // the cursor of the next page: only lower numbers
}

// parseTenant reads the parameter tenant, "" if it is absent.
func parseTenant(query url.Values) (tenant events.TenantID, problems []events.FieldError) {
	text := query.Get("tenant")
	if text == "" {
		return "", nil
	}
	tenant, err := events.ParseTenantID(text)
	if err != nil {
		problems = []events.FieldError{field("tenant", text, "the number of a tenant")}
	}
	return tenant, problems
}

// parseListFilter reads the parameters tenant, since and before, and returns an error for each whose
// value cannot exist.
func parseListFilter(query url.Values) (f listFilter, problems []events.FieldError) {
	f.tenant, problems = parseTenant(query)
	if text := query.Get("since"); text != "" {
		since, err := time.Parse(time.RFC3339, text)
		if err != nil {
			problems = append(problems, field("since", text, "a time such as 2026-03-01T12:00:00Z"))
		}
		f.since = since
	}
	if text := query.Get("before"); text != "" {
		before, err := strconv.ParseInt(text, 10, 64)
		if err != nil || before < 1 {
			problems = append(problems, field("before", text, "nextBefore of the previous response"))
		}
		f.before = before
	}
	return f, problems
}
