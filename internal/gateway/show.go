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

// showState tells which tenants there are and how fresh every table is, of one tenant
// with ?tenant=.
func (g *Gateway) showState(w http.ResponseWriter, r *http.Request) error {
	tenant := r.URL.Query().Get("tenant")
	if tenant != "" && !slices.Contains(g.Tenants, tenant) {
		return invalid(field("tenant", tenant, "a configured tenant"))
	}
	states, err := g.Ledger.States(r.Context(), tenant)
	if err != nil {
		return unavailable("the ledger does not answer", err)
	}
	views := make([]stateView, 0, len(states))
	for _, s := range states {
		views = append(views, stateView{
			TenantID: s.TenantID, Entity: s.Entity, Status: s.Status, Records: s.Records,
			LastFullSync: moment(s.LastFullSync), LastIncrementalSync: moment(s.LastIncrementalSync),
		})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"tenants": g.Tenants, "states": views})
}

// showRuns lists runs, the newest first, as many as ?limit= says.
func (g *Gateway) showRuns(w http.ResponseWriter, r *http.Request) error {
	limit, err := number(r.URL.Query().Get("limit"), defaultRuns, maxRuns)
	if err != nil {
		return err
	}
	runs, err := g.Ledger.Runs(r.Context(), limit)
	if err != nil {
		return unavailable("the ledger does not answer", err)
	}
	views := make([]runView, 0, len(runs))
	for _, run := range runs {
		views = append(views, runView{
			RunNumber: run.Number, TenantID: run.TenantID, Mode: run.Mode, WorkflowID: run.WorkflowID, RunID: run.TemporalRunID(),
			State: run.State, Entities: some(run.Entities), Requests: run.RequestCount,
			StartedAt: moment(run.StartedAt), FinishedAt: moment(run.FinishedAt),
			Results: some(run.Results), Error: run.Error, Reason: run.Reason,
		})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"runs": views})
}

// showRequest tells what became of a request.
func (g *Gateway) showRequest(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("requestId")
	held, err := g.Ledger.Request(r.Context(), id)
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		return notFound("requestId", id, "a request that was received in the last 90 days")
	case err != nil:
		return unavailable("the ledger does not answer", err)
	}
	view := requestView{
		RequestID: held.ID, Event: events.EventRef{Source: held.Source, ID: held.EventID},
		TenantID: held.TenantID, Mode: held.Mode, Entities: some(held.Entities), State: held.State,
		WorkflowID: held.WorkflowID, AllowDeletes: held.AllowDeletes, Channel: held.Channel, Reason: held.Reason,
		ReceivedAt: moment(held.ReceivedAt), RunID: known(held.FirstRunID), RunNumber: known(held.RunNumber),
	}
	if o := held.Outcome; o != nil {
		view.Outcome = &outcomeView{State: o.State, RunNumber: o.RunNumber}
	}
	return writeJSON(w, http.StatusOK, view)
}

// moment makes null of a time that is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// known makes null of what is not known yet.
func known[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}

// some makes [] of a list that is nil.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
