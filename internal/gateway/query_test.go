package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnknownQueryParametersAreRejectedOnEveryRoute(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, r := range s.gateway.routes() {
		path := strings.NewReplacer("{$}", "", "{workflowId}", "full-sync-1", "{scheduleId}", "lazisync-full-1001", "{requestId}", "r", "{tenant}", "1001").Replace(r.path)
		got := s.send(r.method, path+"?entitys=jobs", "{}")
		if len(r.query) == 1 && r.query[0] == "*" {
			require.NotEqual(t, 400, got.status, r.path)
			continue
		}
		got.isProblem(t, 400, "entitys: got an unknown parameter, want ")
		require.Empty(t, s.fakeStream.events(), "%s %s is refused before anything is published", r.method, r.path)
	}
}

func TestInvalidQueriesAreRejected(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for path, want := range map[string]string{
		"/api/sync/runs?limt=5":                             "limt: got an unknown parameter, want limit",
		"/api/sync/runs?Limit=5":                            "Limit: got an unknown parameter, want limit",
		"/api/sync/runs?limit=5&limit=6":                    "limit: got 2 values, want one",
		"/api/sync/runs?limit=":                             `limit: got "", want a value`,
		"/api/sync/runs?limit":                              `limit: got "", want a value`,
		"/api/sync/state?tenantId=1001":                     "tenantId: got an unknown parameter, want tenant",
		"/api/temporal/workflows?pageToken=x&stauts=failed": "pageToken: got an unknown parameter, want status, limit, page; stauts: got an unknown parameter, want status",
		"/api/temporal/schedules?x=1":                       "x: got an unknown parameter, want no parameters",
		"/api/sync/runs?limit=%zz":                          `query: got "limit=%zz", want percent-encoded name=value pairs`,
		"/api/sync/runs?limit=5;limit=6":                    "want percent-encoded name=value pairs separated by &",
		"/healthz?verbose=1":                                "verbose: got an unknown parameter, want no parameters",
	} {
		s.send(http.MethodGet, path, "").isProblem(t, 400, want)
	}
	for _, path := range []string{"/api/sync/runs?limit=5", "/api/sync/state?tenant=1001", "/api/sync/runs?", "/?utm_source=x"} {
		require.Equal(t, 200, s.send(http.MethodGet, path, "").status, path)
	}
}

// A client without a token gets 401, and learns nothing of the parameters.
func TestQueryIsCheckedAfterTheToken(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) { o.Tokens = []Token{NewToken("a", Operator, "b")} })
	s.send(http.MethodGet, "/api/sync/runs?limt=5", "").isProblem(t, 401, "Bearer")
}

func TestUnknownEntityIsNotPublished(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, mode := range []string{"full", "incremental", "rebuild"} {
		for _, prefix := range []string{"", "/api"} {
			s.send(http.MethodPost, prefix+"/sync/"+mode, `{"entities":["jobz"]}`).
				isProblem(t, 422, `entities[0]: got "jobz", want a known entity (did you mean jobs?)`)
		}
	}
	s.send(http.MethodPost, "/sync/full", `{"entities":["customers, jobs"]}`).isProblem(t, 422, `entities[0]: got "customers, jobs", want a known entity`)
	require.Empty(t, s.fakeStream.events())
}
