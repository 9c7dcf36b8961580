package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	defaultActions = 50
	maxActions     = 500
)

type auditView struct {
	Number    int64               `json:"number"`
	At        time.Time           `json:"at"`
	Actor     string              `json:"actor"`
	Role      string              `json:"role"`
	Action    string              `json:"action"`
	Outcome   ledger.AuditOutcome `json:"outcome"`
	Status    int                 `json:"status"`
	Problem   string              `json:"problem,omitempty"`
	Target    string              `json:"target,omitempty"`
	TenantID  events.TenantID     `json:"tenantId,omitempty"`
	RequestID string              `json:"requestId,omitempty"`
	Reason    string              `json:"reason,omitempty"`
	Remote    string              `json:"remote,omitempty"`
}

// showAudit lists the actions that clients took, newest first, at most ?limit=.
func (g *Gateway) showAudit(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, err := parseLimit(query.Get("limit"), defaultActions, maxActions)
	if err != nil {
		return err
	}
	filter, err := g.parseAuditFilter(query)
	if err != nil {
		return err
	}
	found, err := g.Audit.Actions(r.Context(), filter, limit)
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	views := make([]auditView, 0, len(found))
	for _, e := range found {
		outcome := ledger.AuditAccepted
		if e.Refused() {
			outcome = ledger.AuditRefused
		}
		views = append(views, auditView{
			Number: e.Number, At: e.At.UTC(), Actor: e.Actor, Role: e.Role, Action: e.Action, Outcome: outcome, Status: e.Status,
			Problem: e.Problem, Target: e.Target, TenantID: e.TenantID, RequestID: e.RequestID, Reason: e.Reason, Remote: e.Remote,
		})
	}
	answer := map[string]any{"actions": views}
	if len(found) >= limit {
		answer["nextBefore"] = found[len(found)-1].Number
	}
	return writeJSON(w, http.StatusOK, answer)
}

// parseAuditFilter reads the filter of the audit trail. The error names every parameter whose value
// cannot exist.
func (g *Gateway) parseAuditFilter(query url.Values) (ledger.AuditFilter, error) {
	f := ledger.AuditFilter{Actor: query.Get("actor"), Action: query.Get("action"), Outcome: ledger.AuditOutcome(query.Get("outcome"))}
	common, problems := parseListFilter(query)
	f.TenantID, f.Since, f.Before = common.tenant, common.since, common.before
	if auditText(f.Actor) != f.Actor {
		problems = append(problems, field("actor", f.Actor, "the name of an API token"))
	}
	problems = append(problems, f.Check(g.actions())...)
	return f, allInvalid(problems)
}

// actions lists the names of all actions: those over HTTP, and lazisync erase.
func (g *Gateway) actions() []string {
	names := []string{ledger.ActionErase}
	for _, r := range g.routes() {
		if r.action != "" {
			names = append(names, r.action)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
