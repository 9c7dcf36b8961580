package gateway

import (
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	callInterval  = 10 * time.Minute
	callIntervals = 144 // 24 hours
)

type callsView struct {
	TenantID  events.TenantID `json:"tenantId"`
	PerSecond float64         `json:"perSecond"` // the limit of SERVICETITAN_REQUESTS_PER_SECOND
	Share     float64         `json:"share"`     // of the limit that is in use now
	SlowedAt  *time.Time      `json:"slowedAt,omitempty"`
	Calls     []int64         `json:"calls"` // by interval
}

// showCalls returns the API calls of each tenant in the last 24 hours.
func (g *Gateway) showCalls(w http.ResponseWriter, r *http.Request) error {
	since := g.Now().UTC().Truncate(callInterval).Add(-(callIntervals - 1) * callInterval)
	spans, budgets, err := g.Ledger.CallSpans(r.Context(), since)
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	views := make([]callsView, 0, len(g.Tenants))
	for _, tenant := range g.Tenants {
		view := callsView{TenantID: tenant, PerSecond: g.RequestsPerSecond[tenant], Share: 1, Calls: make([]int64, 0, callIntervals)}
		if i := slices.IndexFunc(budgets, func(b ledger.CallBudget) bool { return b.TenantID == tenant }); i >= 0 {
			view.Share, view.SlowedAt = budgets[i].Share, timeOrNull(budgets[i].SlowedAt)
		}
		for _, calls := range ledger.CallsByInterval(spans, tenant, since, callInterval, callIntervals) {
			view.Calls = append(view.Calls, int64(math.Round(calls)))
		}
		views = append(views, view)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"since": since, "intervalSeconds": int(callInterval / time.Second), "tenants": views})
}
