package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	defaultRequests = 50
	maxRequests     = 500
)

type requestView struct {
	RequestID    string              `json:"requestId"`
	Event        events.EventRef     `json:"event"`
	TenantID     events.TenantID     `json:"tenantId"`
	Mode         events.Mode         `json:"mode"`
	Entities     []string            `json:"entities"`
	IDs          []string            `json:"ids,omitempty"`   // of a refresh
	Since        *time.Time          `json:"since,omitempty"` // likewise
	State        ledger.RequestState `json:"state"`
	WorkflowID   string              `json:"workflowId"`
	RunID        *string             `json:"runId"`
	RunNumber    *int64              `json:"runNumber"`
	AllowDeletes bool                `json:"allowDeletes"`
	Channel      string              `json:"channel,omitempty"`
	Reason       string              `json:"reason,omitempty"`
	ReceivedAt   *time.Time          `json:"receivedAt"`
	Outcome      *outcomeView        `json:"outcome"` // null until finalized
}

type outcomeView struct {
	State     ledger.RunState `json:"state"`
	RunNumber int64           `json:"runNumber"`
}

// showRequest returns a request and its outcome.
func (g *Gateway) showRequest(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("requestId")
	if strings.ContainsFunc(id, isNotHeaderSafe) { // PostgreSQL accepts no text with NUL
		return notFound("requestId", id, "a request of the last 90 days")
	}
	request, err := g.Ledger.Request(r.Context(), id)
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		return notFound("requestId", id, "a request of the last 90 days")
	case err != nil:
		return unavailable("the database is unavailable", err)
	}
	return writeJSON(w, http.StatusOK, viewRequest(request))
}

func viewRequest(request ledger.Receipt) requestView {
	view := requestView{
		RequestID: request.ID, Event: events.EventRef{Source: request.Source, ID: request.EventID},
		TenantID: request.TenantID, Mode: request.Mode, Entities: emptyIfNil(request.Entities), IDs: request.IDs, Since: request.Since, State: request.State,
		WorkflowID: request.WorkflowID, AllowDeletes: request.AllowDeletes, Channel: request.Channel, Reason: request.Reason,
		ReceivedAt: timeOrNull(request.ReceivedAt), RunID: nullIfZero(request.FirstRunID), RunNumber: nullIfZero(request.RunNumber),
	}
	if o := request.Outcome; o != nil {
		view.Outcome = &outcomeView{State: o.State, RunNumber: o.RunNumber}
	}
	return view
}

// showRequests lists requests, newest first, at most ?limit=.
func (g *Gateway) showRequests(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, err := parseLimit(query.Get("limit"), defaultRequests, maxRequests)
	if err != nil {
		return err
	}
	filter, err := parseRequestFilter(query)
	if err != nil {
		return err
	}
	found, err := g.Ledger.ListRequests(r.Context(), filter, limit)
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		return invalid(field("before", filter.Before, "nextBefore of the previous response"))
	case err != nil:
		return unavailable("the database is unavailable", err)
	}
	views := make([]requestView, 0, len(found))
	for _, request := range found {
		views = append(views, viewRequest(request))
	}
	answer := map[string]any{"requests": views}
	if len(found) >= limit {
		answer["nextBefore"] = found[len(found)-1].ID
	}
	return writeJSON(w, http.StatusOK, answer)
}

// parseRequestFilter reads the filter of a list of requests. The error names every parameter whose
// value cannot exist.
func parseRequestFilter(query url.Values) (ledger.RequestFilter, error) {
	f := ledger.RequestFilter{Mode: events.Mode(query.Get("mode")), State: ledger.RequestState(query.Get("state")), Before: query.Get("before")}
	query.Del("before") // here it is an ID
	common, problems := parseListFilter(query)
	f.TenantID, f.Since = common.tenant, common.since
	if strings.ContainsFunc(f.Before, isNotHeaderSafe) {
		problems = append(problems, field("before", f.Before, "nextBefore of the previous response"))
	}
	problems = append(problems, f.Check()...)
	return f, allInvalid(problems)
}
