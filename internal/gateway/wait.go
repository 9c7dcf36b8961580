package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/ledger"
)

const (
	maxWait = time.Minute
	// maxWaiters is the number of clients that wait at once. Others get the answer without waiting.
	maxWaiters = 100
	waitPoll   = 250 * time.Millisecond
)

// outcomeResponse is the response to a sync request whose run ended while the client waited.
type outcomeResponse struct {
	requestResponse
	Outcome outcomeView `json:"outcome"`
	Run     runView     `json:"run"`
}

// parseWait parses the parameter wait, 0 if it is absent.
func parseWait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait <= 0 || wait > maxWait {
		return 0, invalid(field("wait", text, "a duration with a unit of at most "+maxWait.String()+", such as 30s"))
	}
	return wait, nil
}

// awaitOutcome returns the run that served a request, once it has ended. It returns false after the
// wait, when the client disconnects, when the gateway stops, or if too many clients wait. It polls,
// so that it holds no connection to the database, and continues while the database is unavailable.
func (g *Gateway) awaitOutcome(w http.ResponseWriter, r *http.Request, requestID string, wait time.Duration) (ledger.Run, bool) {
	select {
	case g.waiters <- struct{}{}:
		defer func() { <-g.waiters }()
	default:
		return ledger.Run{}, false
	}
	// Fails only for writers without a connection, which have no deadline.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	tick := time.NewTicker(waitPoll)
	defer tick.Stop()
	for {
		if run, ok := g.outcomeOf(ctx, requestID); ok {
			return run, true
		}
		select {
		case <-ctx.Done():
			return ledger.Run{}, false
		case <-g.closing:
			return ledger.Run{}, false
		case <-tick.C:
		}
	}
}

// outcomeOf returns the finalized run of a request, false if it has none or the database is
// unavailable, which the store logs.
func (g *Gateway) outcomeOf(ctx context.Context, requestID string) (ledger.Run, bool) {
	request, err := g.Ledger.Request(ctx, requestID)
	if err != nil || request.Outcome == nil {
		return ledger.Run{}, false
	}
	run, err := g.Ledger.RunHeader(ctx, request.Outcome.RunNumber)
	if err != nil && !errors.Is(err, ledger.ErrUnknown) {
		return ledger.Run{}, false
	}
	return run, err == nil
}

// respond answers a sync request with the outcome if the client waits for it and the run ends in
// time, otherwise with where to look.
func (g *Gateway) respond(w http.ResponseWriter, r *http.Request, stored requestResponse, wait time.Duration) error {
	if wait > 0 {
		if run, ended := g.awaitOutcome(w, r, stored.RequestID, wait); ended {
			if stored.RunID == nil {
				stored.RunID = nullIfZero(run.TemporalRunID())
			}
			return writeJSON(w, http.StatusOK, outcomeResponse{
				requestResponse: stored, Outcome: outcomeView{State: run.State, RunNumber: run.Number}, Run: viewRun(run),
			})
		}
	}
	w.Header().Set("Location", toRoot(r)+"api/sync/requests/"+stored.RequestID)
	return writeJSON(w, http.StatusAccepted, stored)
}

// toRoot returns the relative reference from the path of a request to the root of the gateway, which
// is correct below a path prefix that only the proxy knows.
func toRoot(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return strings.Repeat("../", max(strings.Count(path, "/")-1, 0))
}
