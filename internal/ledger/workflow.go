package ledger

import (
	"errors"
	"time"

	"github.com/lazi/lazisync/events"
)

// Workflow is one execution of a lazisync workflow as Temporal reports it.
type Workflow struct {
	WorkflowID string     `json:"workflowId"`
	RunID      string     `json:"runId"`
	Type       string     `json:"type"`
	Status     string     `json:"status"` // one of WorkflowStatuses
	StartedAt  *time.Time `json:"startedAt"`
	ClosedAt   *time.Time `json:"closedAt"` // null while it runs
	Progress   *Progress  `json:"progress,omitempty"`

	// State is RunState of the open run that the workflow serves, running or paused; absent
	// if it serves none or the ledger is unavailable.
	State  RunState     `json:"state,omitempty"`
	Paused *PauseDetail `json:"paused,omitempty"`

	// Retries are the activities of a running workflow whose last attempt failed.
	Retries []Retry `json:"retries,omitempty"`

	// RequestsSync reports that the workflow reads nothing itself: it publishes a
	// sync.requested with its workflow ID as the event's id and waits for the outcome.
	RequestsSync bool `json:"-"`
}

// PauseDetail says since when the run of a workflow is paused, by whom and why.
type PauseDetail struct {
	Since  time.Time `json:"since"`
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// WorkflowRunning is the status of an execution that is not closed.
const WorkflowRunning = "running"

// WorkflowStatuses lists the values of Workflow.Status.
var WorkflowStatuses = []string{WorkflowRunning, "completed", "failed", "cancelled", "terminated", "timedOut", "continuedAsNew"}

// Schedule is one of lazisync's schedules as Temporal reports it.
type Schedule struct {
	ScheduleID string          `json:"scheduleId"`
	TenantID   events.TenantID `json:"tenantId"`
	Mode       events.Mode     `json:"mode"`
	Cron       string          `json:"cron"`
	Entities   []string        `json:"entities"` // that it reads
	Timezone   string          `json:"timezone"`
	Paused     bool            `json:"paused"`
	Note       string          `json:"note,omitempty"` // who paused or resumed it, and why
	NextRuns   []time.Time     `json:"nextRuns"`       // at most three; set while paused too, but then not carried out
	LastRun    *time.Time      `json:"lastRun"`        // when it last started a workflow; null for never
	Running    []string        `json:"running"`        // IDs of open workflows that it started
}

var (
	// ErrWorkflowNotFound is returned when Temporal has no such workflow of lazisync.
	ErrWorkflowNotFound = errors.New("workflow not found")
	// ErrScheduleNotFound is returned when lazisync has no such schedule.
	ErrScheduleNotFound = errors.New("schedule not found")
	// ErrScheduleOverlap is returned when a triggered schedule is skipped because the
	// workflow it started before is still open.
	ErrScheduleOverlap = errors.New("the previous workflow of the schedule is still open")
	// ErrPageToken is returned for a page token that no previous call returned.
	ErrPageToken = errors.New("unknown page token")
)

// Retry is an activity that failed and is tried again.
type Retry struct {
	Activity    string     `json:"activity"`
	Attempt     int        `json:"attempt"` // the current or next one
	LastError   string     `json:"lastError"`
	NextAttempt *time.Time `json:"nextAttempt,omitempty"` // absent while an attempt runs
}
