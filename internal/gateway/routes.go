package gateway

import (
	"net/http"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/schemas"
)

// handler handles a request. If it returns a *Problem, that is the response; any other error
// is an internal error, whose details are not sent to the client.
type handler func(w http.ResponseWriter, r *http.Request) error

// access is the permission that a route requires.
type access int

const (
	clients access = iota // a token or a session or, without tokens, a client on this machine
	public                // the handler checks access itself
)

type route struct {
	method, path string
	access       access
	handle       handler
	query        []string // the query parameters
}

// routes lists all routes of the gateway.
func (g *Gateway) routes() []route {
	list := []route{
		{http.MethodPost, webhookPath, public, g.receiveWebhook, anyQuery},
		{http.MethodPost, webhookPath + "/{tenant}", public, g.receiveWebhook, anyQuery},

		{http.MethodGet, "/api/sync/state", clients, g.showState, []string{"tenant"}},
		{http.MethodGet, "/api/sync/runs", clients, g.showRuns, []string{"limit", "tenant", "state", "mode", "entity", "since", "before"}},
		{http.MethodGet, "/api/sync/runs/{runNumber}", clients, g.showRun, nil},
		{http.MethodGet, "/api/sync/requests/{requestId}", clients, g.showRequest, nil},
		{http.MethodGet, "/api/events", clients, g.streamEvents, nil},

		{http.MethodGet, "/api/temporal/workflows", clients, g.listWorkflows, []string{"status", "limit", "page"}},
		{http.MethodGet, "/api/temporal/workflows/{workflowId}", clients, g.showWorkflow, nil},
		{http.MethodPost, "/api/temporal/workflows/{workflowId}/cancel", clients, g.cancelWorkflow, nil},
		{http.MethodGet, "/api/temporal/schedules", clients, g.listSchedules, nil},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/pause", clients, g.pauseSchedule, nil},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/unpause", clients, g.unpauseSchedule, nil},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/trigger", clients, g.triggerSchedule, nil},

		{http.MethodGet, "/{$}", public, g.showPage, anyQuery},
		{http.MethodGet, "/openapi.json", public, document(schemas.OpenAPI), nil},
		{http.MethodGet, "/asyncapi.json", public, document(schemas.AsyncAPI), nil},
		{http.MethodPost, "/session", clients, g.openSession, nil},
		{http.MethodDelete, "/session", public, g.closeSession, nil},

		{http.MethodGet, "/healthz", public, wrap(healthz()), nil},
		{http.MethodGet, "/readyz", public, wrap(readyz(g.Ready)), nil},
	}
	for _, prefix := range []string{"", "/api"} {
		for _, mode := range events.Modes() {
			list = append(list, route{http.MethodPost, prefix + "/sync/" + string(mode.Mode), clients, g.request(mode.Mode), nil})
		}
		list = append(list,
			route{http.MethodPost, prefix + "/sync/{workflowId}/pause", clients, g.control(events.Pause), nil},
			route{http.MethodPost, prefix + "/sync/{workflowId}/resume", clients, g.control(events.Resume), nil},
			route{http.MethodPost, prefix + "/sync/{workflowId}/cancel", clients, g.control(events.Cancel), nil},
		)
	}
	if g.Metrics != nil {
		list = append(list, route{http.MethodGet, "/metrics", clients, wrap(g.Metrics), anyQuery})
	}
	return list
}

func wrap(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error { h.ServeHTTP(w, r); return nil }
}

// router responds to every path and method, also to unknown ones, with problem documents.
func (g *Gateway) router() http.Handler {
	mux := http.NewServeMux()
	for _, r := range g.routes() {
		handle := r.withQuery(r.handle)
		if r.access == clients {
			handle = g.requireAccess(handle)
		}
		mux.Handle(r.method+" "+r.path, g.withProblems(handle))
	}
	unmatched := g.withProblems(func(w http.ResponseWriter, r *http.Request) error {
		allowed := methods(mux, r)
		if len(allowed) == 0 {
			return notFound("path", r.URL.Path, "a path that the documentation lists")
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return wrongMethod(r.Method, allowed)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = normalizePath(r)
		if _, pattern := mux.Handler(r); pattern == "" {
			unmatched.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// methods lists the methods that the path of a request supports.
func methods(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPost} {
		other := *r
		other.Method = method
		if _, pattern := mux.Handler(&other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// withProblems writes the error of a handler as a problem document.
func (g *Gateway) withProblems(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			g.writeProblem(w, r, asProblem(err))
		}
	})
}
