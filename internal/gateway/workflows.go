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
)

// Temporal is what the gateway shows and steers of Temporal. Its errors are those
// below, or say that Temporal cannot answer now.
type Temporal interface {
	// Workflows lists executions of lazisync, the newest first. Page is "" at first
	// and then what the call before returned, which is "" at the end.
	Workflows(ctx context.Context, status string, size int, page string) (list []Workflow, next string, err error)
	// Workflow describes the latest execution of a workflow, with its progress while
	// it runs and a worker answers.
	Workflow(ctx context.Context, id string) (Workflow, error)

	// Schedules lists the schedules that lazisync has.
	Schedules(ctx context.Context) ([]Schedule, error)
	// PauseSchedule and UnpauseSchedule note who did it and why, for people.
	PauseSchedule(ctx context.Context, id, note string) error
	UnpauseSchedule(ctx context.Context, id, note string) error
	// TriggerSchedule starts what a schedule starts, now, and returns its workflow ID.
	TriggerSchedule(ctx context.Context, id string) (workflowID string, err error)
}

var (
	// ErrNotFound says that there is no such workflow or schedule.
	ErrNotFound = errors.New("not found")
	// ErrOverlap says that what the schedule started before still goes on.
	ErrOverlap = errors.New("still going on")
	// ErrBadPage says that a page was asked for that no call returned.
	ErrBadPage = errors.New("no such page")
)

// Workflow is one execution of a workflow.
type Workflow struct {
	WorkflowID string     `json:"workflowId"`
	RunID      string     `json:"runId"`
	Type       string     `json:"type"`
	Status     string     `json:"status"` // one of workflowStatuses
	StartedAt  *time.Time `json:"startedAt"`
	ClosedAt   *time.Time `json:"closedAt"` // null while it runs
	Progress   *Progress  `json:"progress,omitempty"`

	// Asked says that the workflow reads nothing itself: it asked for a sync by an event
	// that has its workflow ID as id, and waits for that.
	Asked bool `json:"-"`
}

// statusRunning is the status of an execution that has not ended.
const statusRunning = "running"

// workflowStatuses are the states of an execution.
var workflowStatuses = []string{statusRunning, "completed", "failed", "cancelled", "terminated", "timedOut", "continuedAsNew"}

// Progress is how far a run is, as its workflow says itself.
type Progress struct {
	RunNumber int64            `json:"runNumber"` // 0 before it begins
	Mode      events.Mode      `json:"mode,omitempty"`
	Paused    bool             `json:"paused"`
	Stopping  string           `json:"stopping,omitempty"`
	Passes    int              `json:"passes,omitempty"`
	Entities  []EntityProgress `json:"entities"`
}

// EntityProgress is how far one entity is.
type EntityProgress struct {
	Entity  string          `json:"entity"`
	Phase   events.Phase    `json:"phase"`
	Status  events.Status   `json:"status,omitempty"`
	Pages   int64           `json:"pages"`
	Records int64           `json:"records"`
	Total   *int64          `json:"total"` // null when unknown
	Waiting *events.Waiting `json:"waiting,omitempty"`
}

const (
	defaultWorkflows = 50
	maxWorkflows     = 200
	temporalTimeout  = 10 * time.Second
)

// listWorkflows lists executions, a page at a time, of one state with ?status=.
func (g *Gateway) listWorkflows(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	status := query.Get("status")
	if status != "" && !slices.Contains(workflowStatuses, status) {
		return invalid(field("status", status, "one of "+strings.Join(workflowStatuses, ", ")))
	}
	size, err := number(query.Get("limit"), defaultWorkflows, maxWorkflows)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	list, next, err := g.Temporal.Workflows(ctx, status, size, query.Get("page"))
	switch {
	case errors.Is(err, ErrBadPage):
		return invalid(field("page", query.Get("page"), "nextPage of the answer before"))
	case err != nil:
		return unavailable("Temporal does not answer", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"workflows": some(list), "nextPage": known(next)})
}

// number reads how many are wanted at most.
func number(given string, usual, most int) (int, error) {
	if given == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 || n > most {
		return 0, invalid(field("limit", given, "a number from 1 to "+strconv.Itoa(most)))
	}
	return n, nil
}

// showWorkflow describes the latest execution of a workflow.
func (g *Gateway) showWorkflow(w http.ResponseWriter, r *http.Request) error {
	found, err := g.workflow(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, found)
}

func (g *Gateway) workflow(r *http.Request) (Workflow, error) {
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	id := r.PathValue("workflowId")
	if strings.ContainsFunc(id, unspeakable) {
		return Workflow{}, notFound("workflowId", id, "a workflow that Temporal knows")
	}
	found, err := g.Temporal.Workflow(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return found, notFound("workflowId", id, "a workflow that Temporal knows")
	case err != nil:
		return found, unavailable("Temporal does not answer", err)
	}
	return found, nil
}

// unspeakable characters cannot be asked for: Temporal's client sends the ID as a header, too.
func unspeakable(r rune) bool { return r < ' ' || r > '~' }

// cancelWorkflow asks for a cancel as /sync/{workflowId}/cancel does, once Temporal has
// said that there is something to cancel: where the workflow waits for a sync that it asked
// for, that.
func (g *Gateway) cancelWorkflow(w http.ResponseWriter, r *http.Request) error {
	found, err := g.workflow(r)
	if err != nil {
		return err
	}
	if found.Status != statusRunning {
		return problem(http.StatusConflict, "finished", "Workflow finished", "the workflow has ended: "+found.Status)
	}
	target := controlWorkflow
	if found.Asked {
		target = controlRequest
	}
	return g.sendControl(w, r, events.Cancel, target, true)
}
