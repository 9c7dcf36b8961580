package workflows

import (
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Signals, understood by every workflow of this package. Their payload is a
// ControlSignal; an empty payload, as the Temporal UI sends it, is fine too.
const (
	SignalPause  = "pause"
	SignalResume = "resume"
	SignalCancel = "cancel"

	// SignalWake wakes an IncrementalSync to look for requests in the ledger.
	// It carries nothing, so none can be lost.
	SignalWake = "wake"
)

// QueryProgress answers with a ledger.Progress.
const QueryProgress = "progress"

// ControlTaskQueue returns the task queue of the short ledger and event activities beside
// the one that workflows and page slices use, so that slices never delay them.
func ControlTaskQueue(taskQueue string) string { return taskQueue + "-control" }

// FullSyncID returns the ID of the workflow that serves one full request.
func FullSyncID(requestID string) string { return events.Full.WorkflowID("", requestID) }

// RebuildID returns the ID of the workflow that serves one rebuild request.
func RebuildID(requestID string) string { return events.Rebuild.WorkflowID("", requestID) }

// IncrementalSyncID returns the ID of the workflow that serves all incremental requests of a tenant.
func IncrementalSyncID(tenantID string) string { return events.Incremental.WorkflowID(tenantID, "") }

// ServesTenant reports whether a workflow ID is that of a workflow that serves all
// requests of a tenant. A pause can keep it open when all its requests are decided.
func ServesTenant(workflowID string) bool {
	mode, known := events.ModeOfWorkflowID(workflowID)
	return known && mode.PerTenant
}

// IsWorkflowID reports whether an id has the form of the ID of a workflow that serves requests.
func IsWorkflowID(id string) bool {
	_, known := events.ModeOfWorkflowID(id)
	return known
}

// Limits bound a run. The caller sets them, so that a workflow never depends on
// the configuration of the worker that happens to run it.
type Limits struct {
	Deadline   time.Duration // of unpaused time
	PauseLimit time.Duration // a pause that lasts longer cancels the run
	Parallel   int           // entities read at once
}

// DefaultLimits are the limits of DESIGN: a day of work, three days of pause.
var DefaultLimits = Limits{Deadline: 24 * time.Hour, PauseLimit: 72 * time.Hour, Parallel: 4}

// ExecutionTimeout is the time after which Temporal itself ends a full sync or rebuild: later
// than the limits, which end the run in an orderly way.
func (l Limits) ExecutionTimeout() time.Duration { return l.Deadline + l.PauseLimit + time.Hour }

// SyncInput starts the workflow of any mode.
type SyncInput struct {
	TenantID  string
	RequestID string `json:",omitempty"` // the request to serve; empty where one workflow serves all requests of a tenant
	Limits    Limits

	Carried *ContinueAsNewState // set by continue-as-new alone
}

// ControlSignal is the payload of pause, resume and cancel.
type ControlSignal struct {
	ID       string // identity of the control event; one that was seen before is ignored
	Sequence uint64 // when the control event was stored, in ns; controls apply in this order
	Reason   string
	Actor    string

	// PassOnly cancels the current pass of an IncrementalSync and leaves the
	// requests that wait behind it. RunNumber, where it is known, is the pass that
	// is meant: the signal may come when that is over.
	PassOnly  bool
	RunNumber int64
}

// Result is what a FullSync or a Rebuild returns: where to look, and how it ended.
type Result struct {
	RunNumber int64
	State     ledger.RunState
}

// IncrementalResult is what an IncrementalSync returns when nothing waits any more.
type IncrementalResult struct {
	Passes int
	Last   Result
}
