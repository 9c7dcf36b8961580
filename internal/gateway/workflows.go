package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Temporal lists the workflows and schedules of lazisync and controls the schedules. Its
// errors are ledger.ErrWorkflowNotFound, ErrScheduleNotFound, ErrScheduleOverlap and
// ErrPageToken; any other error means that Temporal is unavailable.
type Temporal interface {
	// Workflows lists executions, newest first, at most size of them, of one status or,
	// with "", of all. The page token is "" at first, then the one that the previous call
	// returned; next is "" on the last page.
	Workflows(ctx context.Context, status string, size int, pageToken string) (list []ledger.Workflow, next string, err error)
	// Workflow describes the latest execution of a workflow, with its progress if it runs
	// and a worker answers.
	Workflow(ctx context.Context, id string) (ledger.Workflow, error)

	// HasWorkers reports whether a worker polls every task queue.
	HasWorkers(ctx context.Context) (bool, error)

	// ListSchedules describes the schedules that exist.
	ListSchedules(ctx context.Context) ([]ledger.Schedule, error)
	// PauseSchedule and UnpauseSchedule record a note with client and reason.
	PauseSchedule(ctx context.Context, id, note string) error
	UnpauseSchedule(ctx context.Context, id, note string) error
	// TriggerSchedule runs a schedule now and returns the ID of the workflow that it
	// started, "" if that is not known.
	TriggerSchedule(ctx context.Context, id string) (workflowID string, err error)
}

const (
	defaultWorkflows = 50
	maxWorkflows     = 200
	temporalTimeout  = 10 * time.Second
)

// listWorkflows lists executions by page, of one status with ?status=.
func (g *Gateway) listWorkflows(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	status := query.Get("status")
	if status != "" && !slices.Contains(ledger.WorkflowStatuses, status) {
		return invalid(field("status", status, "one of "+strings.Join(ledger.WorkflowStatuses, ", ")))
	}
	size, err := parseLimit(query.Get("limit"), defaultWorkflows, maxWorkflows)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	list, next, err := g.Temporal.Workflows(ctx, status, size, query.Get("page"))
	switch {
	case errors.Is(err, ledger.ErrPageToken):
		return invalid(field("page", query.Get("page"), "nextPage of the previous response"))
	case err != nil:
		return unavailable("Temporal is unavailable", err)
	}
	g.addRunStates(r.Context(), list)
	return writeJSON(w, http.StatusOK, map[string]any{"workflows": emptyIfNil(list), "nextPage": nullIfZero(next)})
}

// parseLimit parses the parameter limit.
func parseLimit(given string, usual, most int) (int, error) {
	if given == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 || n > most {
		return 0, invalid(field("limit", given, "an integer from 1 to "+strconv.Itoa(most)))
	}
	return n, nil
}

// showWorkflow describes the latest execution of a workflow.
func (g *Gateway) showWorkflow(w http.ResponseWriter, r *http.Request) error {
	found, err := g.workflow(r)
	if err != nil {
		return err
	}
	list := []ledger.Workflow{found}
	g.addRunStates(r.Context(), list)
	return writeJSON(w, http.StatusOK, list[0])
}

// addRunStates sets the states of the open runs that the workflows serve. Temporal does not know
// whether a run is paused. Without the database the states are absent.
func (g *Gateway) addRunStates(ctx context.Context, list []ledger.Workflow) {
	if !slices.ContainsFunc(list, func(w ledger.Workflow) bool { return w.Status == ledger.WorkflowRunning }) {
		return
	}
	open, err := g.Ledger.Unfinalized(ctx)
	if err != nil {
		g.Logger.Warn().Err(err).Msg("list of workflows without the states of their runs, database unavailable")
		return
	}
	for i := range list {
		w := &list[i]
		for _, run := range open {
			if w.Status != ledger.WorkflowRunning || run.WorkflowID != w.WorkflowID {
				continue
			}
			w.State = run.ReportedState()
			if p := run.Pause; p != nil {
				w.Paused = &ledger.PauseDetail{Since: p.Since.UTC(), Actor: p.Actor, Reason: p.Reason}
			}
		}
	}
}

func (g *Gateway) workflow(r *http.Request) (ledger.Workflow, error) {
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	id := r.PathValue("workflowId")
	if strings.ContainsFunc(id, isNotHeaderSafe) {
		return ledger.Workflow{}, notFound("workflowId", id, "the ID of an existing workflow")
	}
	found, err := g.Temporal.Workflow(ctx, id)
	switch {
	case errors.Is(err, ledger.ErrWorkflowNotFound):
		return found, notFound("workflowId", id, "the ID of an existing workflow")
	case err != nil:
		return found, unavailable("Temporal is unavailable", err)
	}
	return found, nil
}

// isNotHeaderSafe matches characters that cannot be in a workflow ID: Temporal's client also
// sends the ID as a header.
func isNotHeaderSafe(r rune) bool { return r < ' ' || r > '~' }

// cancelWorkflow cancels a running workflow as /sync/{workflowId}/cancel does. If the
// workflow waits for a sync that it requested, it cancels that request.
func (g *Gateway) cancelWorkflow(w http.ResponseWriter, r *http.Request) error {
	found, err := g.workflow(r)
	if err != nil {
		return err
	}
	if found.Status != ledger.WorkflowRunning {
		return problem(http.StatusConflict, "finished", "Workflow finished", "the workflow is not running: "+found.Status)
	}
	target := controlWorkflow
	if found.RequestsSync {
		target = controlRequest
	}
	return g.sendControl(w, r, events.Cancel, target, true)
}
