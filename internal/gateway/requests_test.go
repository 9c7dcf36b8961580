package gateway

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestRequestsAreListed(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.hold("r1", ledger.Receipt{
		Request: ledger.Request{ID: "r1", TenantID: "1001", Mode: events.Full, State: ledger.Accepted, RunNumber: 7},
		Outcome: &ledger.Outcome{State: ledger.Completed, RunNumber: 7},
	})
	got := s.send(http.MethodGet, "/api/sync/requests?limit=1&tenant=1001&mode=full&state=accepted&since=2026-03-01T12:00:00Z&before=r2", "").json(t)
	require.Equal(t, "r1", got["nextBefore"])
	require.Equal(t, map[string]any{"state": "completed", "runNumber": 7.0}, got["requests"].([]any)[0].(map[string]any)["outcome"])
	require.Equal(t, []any{ledger.RequestFilter{TenantID: "1001", Mode: events.Full, State: ledger.Accepted, Since: today, Before: "r2"}, 1}, s.fakeLedger.calls)
	require.NotContains(t, s.send(http.MethodGet, "/api/sync/requests", "").json(t), "nextBefore")
}
