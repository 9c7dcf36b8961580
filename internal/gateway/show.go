package gateway

import (
	"net/http"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

type stateView struct {
	TenantID            events.TenantID `json:"tenantId"`
	Entity              string          `json:"entity"`
	Status              string          `json:"status"`
	Records             int64           `json:"records"`
	LastFullSync        *time.Time      `json:"lastFullSync"`
	LastIncrementalSync *time.Time      `json:"lastIncrementalSync"`

	AsOf          *time.Time `json:"asOf"`                 // start of the last complete read, by ServiceTitan's clock
	AgeSeconds    *int64     `json:"ageSeconds,omitempty"` // absent if it was never requested
	TargetSeconds int64      `json:"targetSeconds"`        // 0: not evaluated
	Stale         bool       `json:"stale"`
	StaleSince    *time.Time `json:"staleSince,omitempty"`
}

// pauseView says since when a run is paused, by whom and why.
type pauseView struct {
	Since  *time.Time `json:"since"`
	Actor  string     `json:"actor,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

func pauseOrNull(p *ledger.Pause) *pauseView {
	if p == nil {
		return nil
	}
	return &pauseView{Since: timeOrNull(p.Since), Actor: p.Actor, Reason: p.Reason}
}

// requesterView says who or what requested a run first, when and why.
type requesterView struct {
	Source string     `json:"source"`
	Actor  string     `json:"actor"`
	Reason string     `json:"reason,omitempty"`
	At     *time.Time `json:"at,omitempty"`
}

func requesterOrNull(r ledger.Requester) *requesterView {
	if r == (ledger.Requester{}) {
		return nil
	}
	return &requesterView{Source: r.Source, Actor: r.Actor(), Reason: r.Reason, At: timeOrNull(r.At)}
}

// waitingView is a request that no run serves yet, or several of a tenant that one run will
// serve.
type waitingView struct {
	TenantID   events.TenantID  `json:"tenantId"`
	Mode       events.Mode      `json:"mode"`
	WorkflowID string           `json:"workflowId"`
	RequestID  string           `json:"requestId"` // of the oldest
	Requests   int              `json:"requests"`
	Entities   []string         `json:"entities"`
	Requester  *requesterView   `json:"requestedBy,omitempty"`
	Why        ledger.WaitCause `json:"why"`
	Text       string           `json:"text"`
	Since      *time.Time       `json:"since,omitempty"`
	Due        *time.Time       `json:"due,omitempty"`
	RunNumber  int64            `json:"runNumber,omitempty"` // the open pass that it waits for
	Paused     *pauseView       `json:"paused,omitempty"`
}

// showState returns the tenants and the freshness of all tables, of one tenant with
// ?tenant=.
func (g *Gateway) showState(w http.ResponseWriter, r *http.Request) error {
	tenant := events.TenantID(r.URL.Query().Get("tenant"))
	if tenant != "" && !slices.Contains(g.Tenants, tenant) {
		return invalid(field("tenant", string(tenant), "a configured tenant"))
	}
	states, err := g.Ledger.States(r.Context(), tenant)
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	freshness, err := g.Ledger.Freshness(r.Context())
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	views := make([]stateView, 0, len(states))
	for _, s := range states {
		views = append(views, stateView{
			TenantID: s.TenantID, Entity: s.Entity, Status: s.Status, Records: s.Records,
			LastFullSync: timeOrNull(s.LastFullSync), LastIncrementalSync: timeOrNull(s.LastIncrementalSync),
		})
	}
	for _, v := range freshness {
		if tenant != "" && v.TenantID != tenant {
			continue
		}
		i := slices.IndexFunc(views, func(s stateView) bool { return s.TenantID == v.TenantID && s.Entity == v.Entity })
		if i < 0 { // a target without a table that was opened
			i, views = len(views), append(views, stateView{TenantID: v.TenantID, Entity: v.Entity})
		}
		views[i].addFreshness(v)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"tenants": g.Tenants, "states": views})
}

func (s *stateView) addFreshness(v ledger.Freshness) {
	s.AsOf, s.TargetSeconds, s.Stale, s.StaleSince = timeOrNull(v.AsOf), int64(v.Target/time.Second), v.Stale, timeOrNull(v.Since)
	if age := int64(v.Age / time.Second); age > 0 || !v.AsOf.IsZero() {
		s.AgeSeconds = &age
	}
}

func waitingViews(waiting []ledger.Waiting) []waitingView {
	views := make([]waitingView, 0, len(waiting))
	for _, w := range waiting {
		views = append(views, waitingView{
			TenantID: w.TenantID, Mode: w.Mode, WorkflowID: w.WorkflowID, RequestID: w.RequestID, Requests: w.Requests,
			Entities: emptyIfNil(w.Entities), Requester: requesterOrNull(w.RequestedBy), Why: w.Why, Text: w.Why.String(),
			Since: timeOrNull(w.Since), Due: timeOrNull(w.Due), RunNumber: w.Run, Paused: pauseOrNull(w.Pause),
		})
	}
	return views
}

// timeOrNull returns nil for the zero time.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// nullIfZero returns nil for the zero value.
func nullIfZero[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}

// emptyIfNil returns an empty list instead of nil, which would be null in JSON.
func emptyIfNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
