package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Check is one thing that must work before a role can do its job.
type Check struct {
	Name  string
	Probe func(ctx context.Context) error
}

const probeTimeout = 3 * time.Second

// Health serves /healthz, /readyz and, where there is a handler for it, /metrics:
// what the admin address of every role offers.
func Health(checks []Check, metrics http.Handler, logger zerolog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", healthz())
	mux.Handle("GET /readyz", readyz(checks, logger))
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

// readyz says whether everything needed answers. Why something does not is for the
// log: the caller may be anyone.
func readyz(checks []Check, logger zerolog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		results := make([]error, len(checks))
		var wait sync.WaitGroup
		for i, c := range checks {
			wait.Go(func() { results[i] = c.Probe(ctx) })
		}
		wait.Wait()

		status, word := http.StatusOK, "ready"
		words := map[string]string{}
		for i, c := range checks {
			words[c.Name] = "ok"
			if results[i] != nil {
				status, word, words[c.Name] = http.StatusServiceUnavailable, "not ready", "failing"
				logger.Warn().Err(results[i]).Str("check", c.Name).Msg("not ready")
			}
		}
		_ = writeJSON(w, status, map[string]any{"status": word, "checks": words}) // strings always encode
	})
}
