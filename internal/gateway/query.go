package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lazi/lazisync/events"
)

// anyQuery is the query of a route that ignores parameters: webhooks, the page and the
// metrics, which others call with parameters of their own.
var anyQuery = []string{"*"}

// withQuery refuses a query that the route does not take: a misspelt parameter must not be
// ignored.
func (r route) withQuery(handle handler) handler {
	if slices.Equal(r.query, anyQuery) {
		return handle
	}
	return func(w http.ResponseWriter, request *http.Request) error {
		if err := checkQuery(request.URL.RawQuery, r.query); err != nil {
			return err
		}
		return handle(w, request)
	}
}

// checkQuery returns everything that is wrong with the names in a query, nil for nothing.
func checkQuery(raw string, known []string) error {
	given, err := url.ParseQuery(raw)
	if err != nil {
		return badQuery(field("query", raw, "name=value pairs, percent-encoded and separated by &"))
	}
	var problems []events.FieldError
	for name, values := range given {
		switch {
		case !slices.Contains(known, name):
			problems = append(problems, events.FieldError{Path: name, Got: "an unknown parameter", Want: wantedParameter(name, known)})
		case len(values) > 1:
			problems = append(problems, events.FieldError{Path: name, Got: strconv.Itoa(len(values)) + " of them", Want: "one"})
		case values[0] == "":
			problems = append(problems, field(name, "", "a value, or no such parameter"))
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
	return fieldProblem(http.StatusBadRequest, "bad-query", "Bad query", list...)
}
