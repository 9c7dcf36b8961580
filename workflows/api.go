package workflows

import (
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Signals, which every workflow of this package handles. The payload is a ControlSignal, or
// empty as the Temporal UI sends it.
const (
	SignalPause  = "pause"
	SignalResume = "resume"
	SignalCancel = "cancel"

	// SignalWake makes an IncrementalSync look for requests in the ledger. It has no payload,
	// so a lost signal loses no request.
	SignalWake = "wake"
)

// QueryProgress is the query that returns a ledger.Progress.
const QueryProgress = "progress"

// ControlTaskQueue returns the task queue of the short ledger and event activities beside
// the one that workflows and page slices use, so that slices never delay them.
func ControlTaskQueue(taskQueue string) string { return taskQueue + "-control" }

// FullSyncID returns the ID of the workflow that serves one full request.
func FullSyncID(requestID string) string { return events.Full.WorkflowID("", requestID) }

// RebuildID returns the ID of the workflow that serves one rebuild request.
func RebuildID(requestID string) string { return events.Rebuild.WorkflowID("", requestID) }

// VerifyID returns the ID of the workflow that serves one verify request.
func VerifyID(requestID string) string { return events.Verify.WorkflowID("", requestID) }

// IncrementalSyncID returns the ID of the workflow that serves all incremental requests of a tenant.
func IncrementalSyncID(tenant events.TenantID) string {
	return events.Incremental.WorkflowID(tenant, "")
}

// ServesTenant reports whether a workflow ID is that of a workflow that serves all requests of
// a tenant. A pause can keep it open after all its requests have an outcome.
func ServesTenant(workflowID string) bool {
	mode, known := events.ModeOfWorkflowID(workflowID)
	return known && mode.PerTenant
}

// IsWorkflowID reports whether an id has the form of the ID of a workflow that serves requests.
func IsWorkflowID(id string) bool {
	_, known := events.ModeOfWorkflowID(id)
	return known
}

// Limits bound a run. They are part of the workflow's input, so that the workflow does not
// depend on the configuration of the worker.
type Limits struct {
	Deadline   time.Duration // of unpaused time
	PauseLimit time.Duration // of each pause: one that lasts longer cancels the run
	Parallel   int           // entities read concurrently, at most MaxParallel
}

// MaxParallel is the most entities that a run reads at once. It leaves slots of a worker for other runs.
const MaxParallel = 48

// DefaultLimits are the limits without configuration.
var DefaultLimits = Limits{Deadline: 24 * time.Hour, PauseLimit: 72 * time.Hour, Parallel: 4}

// ExecutionTimeout returns the time after which Temporal terminates a full sync, rebuild or verify. It
// is an hour more than the limits, within which the workflow finalizes its run itself.
func (l Limits) ExecutionTimeout() time.Duration { return l.total() + time.Hour }

// total returns the longest duration of a full sync, rebuild or verify, pauses included. A pass of an
// IncrementalSync has no such limit.
func (l Limits) total() time.Duration { return l.Deadline + l.PauseLimit }

// SyncInput is the input of the workflow of every mode.
type SyncInput struct {
	TenantID  events.TenantID
	RequestID string `json:",omitempty"` // the request to serve; empty where one workflow serves all requests of a tenant
	Limits    Limits

	Carried *ContinueAsNewState // set only by continue-as-new
}

// ControlSignal is the payload of pause, resume and cancel.
type ControlSignal struct {
	ID       string // identity of the control event, which is applied once
	Sequence uint64 // when the control event was stored, in ns; controls apply in this order
	Reason   string
	Actor    string

	// PassOnly cancels the current pass of an IncrementalSync but not the requests that wait
	// for the next one. RunNumber is the pass to cancel, 0 if unknown: that pass may have
	// ended when the signal arrives.
	PassOnly  bool
	RunNumber int64
}

// Result is the result of a FullSync, a Rebuild or a Verify.
type Result struct {
	RunNumber int64
	State     ledger.RunState

	// Why a run failed, or was cancelled; absent in results of earlier versions.
	Error  *events.RunError `json:",omitempty"`
	Reason string           `json:",omitempty"`
}

// IncrementalResult is the result of an IncrementalSync, which ends when no request waits.
type IncrementalResult struct {
	Passes int
	Last   Result
}
