package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	defaultRuns = 50
	maxRuns     = 500
)

type runView struct {
	RunNumber  int64            `json:"runNumber"`
	TenantID   events.TenantID  `json:"tenantId"`
	Mode       events.Mode      `json:"mode"`
	WorkflowID string           `json:"workflowId"`
	RunID      string           `json:"runId"`
	State      ledger.RunState  `json:"state"`
	Paused     *pauseView       `json:"paused,omitempty"`
	Entities   []string         `json:"entities"`
	Refresh    bool             `json:"refresh,omitempty"`
	Requests   int              `json:"requests"` // number of requests that it serves
	Requester  *requesterView   `json:"requestedBy,omitempty"`
	StartedAt  *time.Time       `json:"startedAt"`
	FinishedAt *time.Time       `json:"finishedAt"`
	Results    []events.Result  `json:"results"`
	Error      *events.RunError `json:"error,omitempty"`
	Reason     string           `json:"reason,omitempty"`
}

// runDetail is a run with its requests.
type runDetail struct {
	runView
	RequestList []runRequest `json:"requestList"` // the first ones; requests has the number of all
	Published   bool         `json:"published"`   // the outcome is in the event stream
}

type runRequest struct {
	RequestID  string          `json:"requestId"`
	Event      events.EventRef `json:"event"`
	Reason     string          `json:"reason,omitempty"`
	ReceivedAt *time.Time      `json:"receivedAt"`
}

func viewRun(run ledger.Run) runView {
	return runView{
		RunNumber: run.Number, TenantID: run.TenantID, Mode: run.Mode, WorkflowID: run.WorkflowID, RunID: run.TemporalRunID(),
		State: run.ReportedState(), Paused: pauseOrNull(run.Pause),
		Entities: emptyIfNil(run.Entities), Refresh: run.Refresh, Requests: run.RequestCount, Requester: requesterOrNull(run.RequestedBy),
		StartedAt: timeOrNull(run.StartedAt), FinishedAt: timeOrNull(run.FinishedAt),
		Results: emptyIfNil(run.Results), Error: run.Error, Reason: run.Reason,
	}
}

// showRuns lists the requests that wait, and runs. Without a filter it lists every open run and
// then the latest others, newest first, at most ?limit=. With a filter or ?before= it lists the
// runs that match, at most ?limit=, newest first.
func (g *Gateway) showRuns(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, err := parseLimit(query.Get("limit"), defaultRuns, maxRuns)
	if err != nil {
		return err
	}
	filter, err := parseRunFilter(query)
	if err != nil {
		return err
	}
	var runs []ledger.Run
	if filter.IsZero() {
		runs, err = g.Ledger.Runs(r.Context(), limit)
	} else {
		runs, err = g.Ledger.FindRuns(r.Context(), filter, limit)
	}
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	waiting, err := g.Ledger.Waiting(r.Context(), filter.TenantID)
	if err != nil {
		return unavailable("the database is unavailable", err)
	}
	views := make([]runView, 0, len(runs))
	for _, run := range runs {
		views = append(views, viewRun(run))
	}
	answer := map[string]any{"runs": views, "waiting": waitingViews(waiting)}
	if len(runs) >= limit {
		answer["nextBefore"] = runs[len(runs)-1].Number
	}
	return writeJSON(w, http.StatusOK, answer)
}

// parseRunFilter reads the filter of a list of runs. The error names every parameter whose value
// cannot exist.
func parseRunFilter(query url.Values) (ledger.RunFilter, error) {
	common, problems := parseListFilter(query)
	f := ledger.RunFilter{
		TenantID: common.tenant, State: ledger.RunState(query.Get("state")),
		Mode: events.Mode(query.Get("mode")), Entity: query.Get("entity"), Since: common.since, Before: common.before,
	}
	problems = append(f.Check(), problems...)
	return f, allInvalid(problems)
}

// run returns the run of the path.
func (g *Gateway) run(r *http.Request) (ledger.Run, error) {
	text := r.PathValue("runNumber")
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 {
		return ledger.Run{}, notFound("runNumber", text, "the number of a run")
	}
	run, err := g.Ledger.RunHeader(r.Context(), number)
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		return run, notFound("runNumber", text, "the number of a run that the ledger has")
	case err != nil:
		return run, unavailable("the database is unavailable", err)
	}
	return run, nil
}

// showRun returns one run with its requests.
func (g *Gateway) showRun(w http.ResponseWriter, r *http.Request) error {
	run, err := g.run(r)
	if err != nil {
		return err
	}
	detail := runDetail{runView: viewRun(run), RequestList: []runRequest{}, Published: run.Published}
	for _, q := range run.Requests {
		detail.RequestList = append(detail.RequestList, runRequest{
			RequestID: q.ID, Event: events.EventRef{Source: q.Source, ID: q.EventID}, Reason: q.Reason, ReceivedAt: timeOrNull(q.ReceivedAt),
		})
	}
	return writeJSON(w, http.StatusOK, detail)
}
