package gateway

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestNewFieldsAreListed(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	require.JSONEq(t, `{"fields":[]}`, s.send(http.MethodGet, "/api/sync/fields", "").body)
	s.fakeLedger.newFields = []ledger.NewField{{TenantID: "1001", Entity: "jobs", Field: "address.plus4", FirstSeenAt: today, Run: 2}}
	got := s.send(http.MethodGet, "/api/sync/fields?tenant=1001&entity=jobs", "")
	require.JSONEq(t, `{"fields":[{"tenantId":"1001","entity":"jobs","field":"address.plus4","firstSeenAt":"2026-03-01T12:00:00Z","runNumber":2}]}`, got.body)
	require.Equal(t, []any{events.TenantID(""), "", events.TenantID("1001"), "jobs"}, s.fakeLedger.calls)
	s.send(http.MethodGet, "/api/sync/fields?tenant=a&entity=job", "").isProblem(t, http.StatusUnprocessableEntity, "")
}
