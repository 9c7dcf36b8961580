package gateway

import (
	"net/http"
	"net/http/pprof"

	"github.com/lazi/lazisync/internal/probe"
)

// Health serves the admin address of a role: /healthz, /readyz, profiles of the process at
// /debug/pprof/ and, if metrics is not nil, /metrics.
func Health(ready *probe.Readiness, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", healthz())
	mux.Handle("GET /readyz", readyz(ready))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}

// healthz reports that the process is alive.
func healthz() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = writeJSON(w, http.StatusOK, map[string]string{"status": "alive"}) // a map of strings always encodes
	})
}

// readyz reports the role and whether it is ready. The reasons are only in the log, because
// the client is not authenticated. Concurrent clients share one check.
func readyz(ready *probe.Readiness) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report, err := ready.Report(r.Context())
		if err != nil { // the client has disconnected
			return
		}
		status, word := http.StatusOK, "ready"
		if !report.Ready() {
			status, word = http.StatusServiceUnavailable, "not ready"
		}
		checks := map[string]string{}
		for name, err := range report.Errors {
			checks[name] = "ok"
			if err != nil {
				checks[name] = "failing"
			}
		}
		_ = writeJSON(w, status, map[string]any{"status": word, "role": report.Role, "checks": checks}) // strings always encode
	})
}
