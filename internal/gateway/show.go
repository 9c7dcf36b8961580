package gateway

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

type stateView struct {
	TenantID            string     `json:"tenantId"`
	Entity              string     `json:"entity"`
	Status              string     `json:"status"`
	Records             int64      `json:"records"`
	LastFullSync        *time.Time `json:"lastFullSync"`
	LastIncrementalSync *time.Time `json:"lastIncrementalSync"`
}

type runView struct {
	RunNumber  int64            `json:"runNumber"`
	TenantID   string           `json:"tenantId"`
	Mode       events.Mode      `json:"mode"`
	WorkflowID string           `json:"workflowId"`
	RunID      string           `json:"runId"`
	State      ledger.RunState  `json:"state"`
	Entities   []string         `json:"entities"`
	Requests   int              `json:"requests"` // how many it serves
	StartedAt  *time.Time       `json:"startedAt"`
	FinishedAt *time.Time       `json:"finishedAt"`
	Results    []events.Result  `json:"results"`
	Error      *events.RunError `json:"error,omitempty"`
	Reason     string           `json:"reason,omitempty"`
}

type requestView struct {
	RequestID    string              `json:"requestId"`
	Event        events.EventRef     `json:"event"`
	TenantID     string              `json:"tenantId"`
	Mode         events.Mode         `json:"mode"`
	Entities     []string            `json:"entities"`
	State        ledger.RequestState `json:"state"`
	WorkflowID   string              `json:"workflowId"`
	RunID        *string             `json:"runId"`
	RunNumber    *int64              `json:"runNumber"`
	AllowDeletes bool                `json:"allowDeletes"`
	Channel      string              `json:"channel,omitempty"`
	Reason       string              `json:"reason,omitempty"`
	ReceivedAt   *time.Time          `json:"receivedAt"`
	Outcome      *outcomeView        `json:"outcome"` // null until decided
}

type outcomeView struct {
	State     ledger.RunState `json:"state"`
	RunNumber int64           `json:"runNumber"`
}

const (
	defaultRuns = 50
	maxRuns     = 500
)

// showState returns the tenants and the freshness of all tables, of one tenant with
// ?tenant=.
func (g *Gateway) showState(w http.ResponseWriter, r *http.Request) error {
	tenant := r.URL.Query().Get("tenant")
	if tenant != "" && !slices.Contains(g.Tenants, tenant) {
		return invalid(field("tenant", tenant, "a configured tenant"))
	}
	states, err := g.Ledger.States(r.Context(), tenant)
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
	return writeJSON(w, http.StatusOK, map[string]any{"tenants": g.Tenants, "states": views})
}

// showRuns lists runs, newest first, at most ?limit=.
func (g *Gateway) showRuns(w http.ResponseWriter, r *http.Request) error {
	limit, err := parseLimit(r.URL.Query().Get("limit"), defaultRuns, maxRuns)
	if err != nil {
		return err
	}
	runs, err := g.Ledger.Runs(r.Context(), limit)
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	views := make([]runView, 0, len(runs))
	for _, run := range runs {
		views = append(views, runView{
			RunNumber: run.Number, TenantID: run.TenantID, Mode: run.Mode, WorkflowID: run.WorkflowID, RunID: run.TemporalRunID(),
			State: run.State, Entities: emptyIfNil(run.Entities), Requests: run.RequestCount,
			StartedAt: timeOrNull(run.StartedAt), FinishedAt: timeOrNull(run.FinishedAt),
			Results: emptyIfNil(run.Results), Error: run.Error, Reason: run.Reason,
		})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"runs": views})
}

// showRequest returns a request and its outcome.
func (g *Gateway) showRequest(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("requestId")
	request, err := g.Ledger.Request(r.Context(), id)
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		return notFound("requestId", id, "a request of the last 90 days")
	case err != nil:
		return unavailable("the database is unavailable", err)
	}
	view := requestView{
		RequestID: request.ID, Event: events.EventRef{Source: request.Source, ID: request.EventID},
		TenantID: request.TenantID, Mode: request.Mode, Entities: emptyIfNil(request.Entities), State: request.State,
		WorkflowID: request.WorkflowID, AllowDeletes: request.AllowDeletes, Channel: request.Channel, Reason: request.Reason,
		ReceivedAt: timeOrNull(request.ReceivedAt), RunID: nullIfZero(request.FirstRunID), RunNumber: nullIfZero(request.RunNumber),
	}
	if o := request.Outcome; o != nil {
		view.Outcome = &outcomeView{State: o.State, RunNumber: o.RunNumber}
	}
	return writeJSON(w, http.StatusOK, view)
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
