package gateway

import (
	"net/http"

	"github.com/lazi/lazisync/internal/probe"
)

// Health serves /healthz, /readyz and, where there is a handler for it, /metrics:
// what the admin address of every role offers.
func Health(ready *probe.Readiness, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", healthz())
	mux.Handle("GET /readyz", readyz(ready))
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}

// healthz only says that the process lives.
func healthz() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = writeJSON(w, http.StatusOK, map[string]string{"status": "alive"}) // a map of strings always encodes
	})
}

// readyz says whether the role can do its job, and which role answers. Why it cannot is
// for the log: the caller may be anyone. Callers share the answer.
func readyz(ready *probe.Readiness) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report, err := ready.Report(r.Context())
		if err != nil { // the caller has left
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
