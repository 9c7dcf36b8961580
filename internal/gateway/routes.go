package gateway

import (
	"net/http"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/schemas"
)

// handler answers a request. An error that is a *Problem is the answer; any other
// is ours, and the caller learns no more than that.
type handler func(w http.ResponseWriter, r *http.Request) error

// access says who may use a route.
type access int

const (
	members access = iota // who shows a token, or anyone on this machine when there are none
	anyone                // the handler itself checks what there is to check
)

type route struct {
	method, path string
	access       access
	handle       handler
	query        []string // the parameters that it takes
}

// routes is everything the gateway serves.
func (g *Gateway) routes() []route {
	list := []route{
		{http.MethodPost, webhookPath, anyone, g.receiveWebhook, anyQuery},
		{http.MethodPost, webhookPath + "/{tenant}", anyone, g.receiveWebhook, anyQuery},

		{http.MethodGet, "/api/sync/state", members, g.showState, []string{"tenant"}},
		{http.MethodGet, "/api/sync/runs", members, g.showRuns, []string{"limit"}},
		{http.MethodGet, "/api/sync/requests/{requestId}", members, g.showRequest, nil},
		{http.MethodGet, "/api/events", members, g.streamEvents, nil},

		{http.MethodGet, "/api/temporal/workflows", members, g.listWorkflows, []string{"status", "limit", "page"}},
		{http.MethodGet, "/api/temporal/workflows/{workflowId}", members, g.showWorkflow, nil},
		{http.MethodPost, "/api/temporal/workflows/{workflowId}/cancel", members, g.cancelWorkflow, nil},
		{http.MethodGet, "/api/temporal/schedules", members, g.listSchedules, nil},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/pause", members, g.pauseSchedule, nil},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/unpause", members, g.unpauseSchedule, nil},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/trigger", members, g.triggerSchedule, nil},

		{http.MethodGet, "/{$}", anyone, g.showPage, anyQuery},
		{http.MethodGet, "/openapi.json", anyone, document(schemas.OpenAPI), nil},
		{http.MethodGet, "/asyncapi.json", anyone, document(schemas.AsyncAPI), nil},
		{http.MethodPost, "/session", members, g.openSession, nil},
		{http.MethodDelete, "/session", anyone, g.closeSession, nil},

		{http.MethodGet, "/healthz", anyone, wrap(healthz()), nil},
		{http.MethodGet, "/readyz", anyone, wrap(readyz(g.Ready)), nil},
	}
	for _, prefix := range []string{"", "/api"} {
		for _, mode := range events.Modes() {
			list = append(list, route{http.MethodPost, prefix + "/sync/" + string(mode.Mode), members, g.request(mode.Mode), nil})
		}
		list = append(list,
			route{http.MethodPost, prefix + "/sync/{workflowId}/pause", members, g.control(events.Pause), nil},
			route{http.MethodPost, prefix + "/sync/{workflowId}/resume", members, g.control(events.Resume), nil},
			route{http.MethodPost, prefix + "/sync/{workflowId}/cancel", members, g.control(events.Cancel), nil},
		)
	}
	if g.Metrics != nil {
		list = append(list, route{http.MethodGet, "/metrics", members, wrap(g.Metrics), anyQuery})
	}
	return list
}

func wrap(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error { h.ServeHTTP(w, r); return nil }
}

// routed answers every path and method, also the wrong ones, with our own words.
func (g *Gateway) routed() http.Handler {
	mux := http.NewServeMux()
	for _, r := range g.routes() {
		handle := r.withQuery(r.handle)
		if r.access == members {
			handle = g.guarded(handle)
		}
		mux.Handle(r.method+" "+r.path, g.answering(handle))
	}
	unmatched := g.answering(func(w http.ResponseWriter, r *http.Request) error {
		allowed := methods(mux, r)
		if len(allowed) == 0 {
			return notFound("path", r.URL.Path, "a path that the documentation lists")
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return wrongMethod(r.Method, allowed)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = cleaned(r)
		if _, pattern := mux.Handler(r); pattern == "" {
			unmatched.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// methods lists those that the path of a request does take.
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

// answering turns a handler's error into a problem document.
func (g *Gateway) answering(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			g.writeProblem(w, r, asProblem(err))
		}
	})
}
