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
}

// routes is everything the gateway serves.
func (g *Gateway) routes() []route {
	list := []route{
		{http.MethodPost, "/webhooks/servicetitan", anyone, g.receiveWebhook},
		{http.MethodPost, "/webhooks/servicetitan/{tenant}", anyone, g.receiveWebhook},

		{http.MethodGet, "/api/sync/state", members, g.showState},
		{http.MethodGet, "/api/sync/runs", members, g.showRuns},
		{http.MethodGet, "/api/sync/requests/{requestId}", members, g.showRequest},
		{http.MethodGet, "/api/events", members, g.streamEvents},

		{http.MethodGet, "/api/temporal/workflows", members, g.listWorkflows},
		{http.MethodGet, "/api/temporal/workflows/{workflowId}", members, g.showWorkflow},
		{http.MethodPost, "/api/temporal/workflows/{workflowId}/cancel", members, g.cancelWorkflow},
		{http.MethodGet, "/api/temporal/schedules", members, g.listSchedules},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/pause", members, g.pauseSchedule},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/unpause", members, g.unpauseSchedule},
		{http.MethodPost, "/api/temporal/schedules/{scheduleId}/trigger", members, g.triggerSchedule},

		{http.MethodGet, "/{$}", anyone, g.showPage},
		{http.MethodGet, "/openapi.json", anyone, document(schemas.OpenAPI)},
		{http.MethodGet, "/asyncapi.json", anyone, document(schemas.AsyncAPI)},
		{http.MethodPost, "/session", members, g.openSession},
		{http.MethodDelete, "/session", anyone, g.closeSession},

		{http.MethodGet, "/healthz", anyone, wrap(healthz())},
		{http.MethodGet, "/readyz", anyone, wrap(readyz(g.Ready))},
	}
	for _, prefix := range []string{"", "/api"} {
		list = append(list,
			route{http.MethodPost, prefix + "/sync/full", members, g.request(events.Full)},
			route{http.MethodPost, prefix + "/sync/incremental", members, g.request(events.Incremental)},
			route{http.MethodPost, prefix + "/sync/rebuild", members, g.request(events.Rebuild)},
			route{http.MethodPost, prefix + "/sync/{workflowId}/pause", members, g.control(events.Pause)},
			route{http.MethodPost, prefix + "/sync/{workflowId}/resume", members, g.control(events.Resume)},
			route{http.MethodPost, prefix + "/sync/{workflowId}/cancel", members, g.control(events.Cancel)},
		)
	}
	if g.Metrics != nil {
		list = append(list, route{http.MethodGet, "/metrics", members, wrap(g.Metrics)})
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
		handle := r.handle
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
