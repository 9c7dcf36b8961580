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
	viewers   access = iota // a token or a session or, without tokens, a client on this machine
	operators               // the same, and the role of the token is Operator
	public                  // the handler checks access itself
)

type route struct {
	method, path string
	access       access
	handle       handler
	query        []string // the query parameters
	action       string   // its name in the audit trail; "" if it is not an action
}

// read returns a route that changes nothing.
func read(path string, handle handler, query ...string) route {
	return route{method: http.MethodGet, path: path, access: viewers, handle: handle, query: query}
}

// act returns a route that changes something.
func act(path, action string, handle handler, query ...string) route {
	return route{method: http.MethodPost, path: path, access: operators, handle: handle, query: query, action: action}
}

// unprotected returns a route for everyone.
func unprotected(method, path string, handle handler, query ...string) route {
	return route{method: method, path: path, access: public, handle: handle, query: query}
}

// The names of actions in the audit trail. The mode of a request follows actRequest.
const (
	actRequest         = "request."
	actPause           = "control.pause"
	actResume          = "control.resume"
	actCancel          = "control.cancel"
	actPauseSchedule   = "schedule.pause"
	actUnpauseSchedule = "schedule.unpause"
	actTriggerSchedule = "schedule.trigger"
	actReplay          = "deadLetter.replay"
	actDismiss         = "deadLetter.dismiss"
	actOpenSession     = "session.open"
)

// routes lists all routes of the gateway.
func (g *Gateway) routes() []route {
	openSession := act("/session", actOpenSession, g.openSession)
	openSession.access = viewers
	list := []route{
		unprotected(http.MethodPost, webhookPath, g.receiveWebhook, anyQuery),
		unprotected(http.MethodPost, webhookPath+"/{tenant}", g.receiveWebhook, anyQuery),

		read("/api/sync/session", g.showSession),
		read("/api/sync/state", g.showState, "tenant"),
		read("/api/sync/runs", g.showRuns, "limit", "tenant", "state", "mode", "entity", "since", "before"),
		read("/api/sync/runs/{runNumber}", g.showRun),
		read("/api/sync/requests", g.showRequests, "limit", "tenant", "mode", "state", "since", "before"),
		read("/api/sync/runs/{runNumber}/events", g.showRunEvents),
		read("/api/sync/attention", g.showAttention),
		read("/api/sync/calls", g.showCalls),
		read("/api/sync/rejected", g.listRejected, "limit", "tenant", "entity", "run", "before"),
		read("/api/sync/fields", g.listNewFields, "tenant", "entity"),
		read("/api/deadletters", g.listDeadLetters, "limit", "before"),
		read("/api/deadletters/{sequence}", g.showDeadLetter),
		act("/api/deadletters/{sequence}/replay", actReplay, g.replayDeadLetter),
		act("/api/deadletters/{sequence}/dismiss", actDismiss, g.dismissDeadLetter),
		read("/api/sync/requests/{requestId}", g.showRequest),
		read("/api/sync/audit", g.showAudit, "limit", "tenant", "actor", "action", "outcome", "since", "before"),
		read("/api/events", g.streamEvents),

		read("/api/temporal/workflows", g.listWorkflows, "status", "limit", "page"),
		read("/api/temporal/workflows/{workflowId}", g.showWorkflow),
		act("/api/temporal/workflows/{workflowId}/cancel", actCancel, g.cancelWorkflow),
		read("/api/temporal/schedules", g.listSchedules),
		act("/api/temporal/schedules/{scheduleId}/pause", actPauseSchedule, g.pauseSchedule),
		act("/api/temporal/schedules/{scheduleId}/unpause", actUnpauseSchedule, g.unpauseSchedule),
		act("/api/temporal/schedules/{scheduleId}/trigger", actTriggerSchedule, g.triggerSchedule),

		unprotected(http.MethodGet, "/{$}", g.showPage, anyQuery),
		unprotected(http.MethodGet, "/openapi.json", document(schemas.OpenAPI)),
		unprotected(http.MethodGet, "/asyncapi.json", document(schemas.AsyncAPI)),
		unprotected(http.MethodGet, "/schemas", listSchemas),
		unprotected(http.MethodGet, "/schemas/{name}", showSchema),
		openSession,
		unprotected(http.MethodDelete, "/session", g.closeSession),

		unprotected(http.MethodGet, "/healthz", wrap(healthz())),
		unprotected(http.MethodGet, "/readyz", wrap(readyz(g.Ready))),
	}
	for _, prefix := range []string{"", "/api"} {
		for _, mode := range events.Modes() {
			list = append(list, act(prefix+"/sync/"+string(mode.Mode), actRequest+string(mode.Mode), g.request(mode.Mode), "wait"))
		}
		list = append(list,
			act(prefix+"/sync/{workflowId}/pause", actPause, g.control(events.Pause)),
			act(prefix+"/sync/{workflowId}/resume", actResume, g.control(events.Resume)),
			act(prefix+"/sync/{workflowId}/cancel", actCancel, g.control(events.Cancel)),
		)
	}
	if g.Metrics != nil {
		list = append(list, read("/metrics", wrap(g.Metrics), anyQuery))
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
		if r.access != public {
			handle = g.requireAccess(r.access, handle)
		}
		if r.action != "" {
			handle = g.withAudit(r.action, handle)
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
