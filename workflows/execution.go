package workflows

import (
	"errors"
	"time"
)

// StartOptions describes a workflow execution to start.
type StartOptions struct {
	ID       string
	Workflow string         // the workflow type
	Input    any            // its argument
	Memo     map[string]any // shown in Temporal's pages; nil for none
	Summary  string         // likewise, one line
	Timeout  time.Duration  // of the whole chain of runs; 0 for none
	Once     bool           // reject the ID permanently after an execution with it has started
}

// Signal is a signal with its payload.
type Signal struct {
	Name    string
	Payload any
}

// ExecutionStatus is the state of a workflow execution in Temporal. It is open with ExecutionOpen, and
// may be open with ExecutionUnknown. Every other status means that it is closed or does not exist.
type ExecutionStatus string

const (
	ExecutionOpen       ExecutionStatus = "open"
	ExecutionCompleted  ExecutionStatus = "completed"
	ExecutionFailed     ExecutionStatus = "failed"
	ExecutionCancelled  ExecutionStatus = "cancelled"
	ExecutionTerminated ExecutionStatus = "terminated"
	ExecutionTimedOut   ExecutionStatus = "timed_out"
	ExecutionNotFound   ExecutionStatus = "not_found"  // never started, or past the retention period
	ExecutionSuperseded ExecutionStatus = "superseded" // closed, and a later execution has its ID
	ExecutionUnknown    ExecutionStatus = "unknown"    // a status that this version does not know, perhaps of an open execution
)

// IsClosed reports whether no execution is open.
func (s ExecutionStatus) IsClosed() bool { return s != ExecutionOpen && s != ExecutionUnknown }

// Errors of calls to Temporal. Any other error of such a call is transient: the call may
// or may not have taken effect, and repeating it is safe.
var (
	// ErrNotRunning is returned when no execution with the workflow ID is open.
	ErrNotRunning = errors.New("the workflow is not running")
	// ErrRejected is returned when Temporal will never accept the call, for example because
	// its arguments are too large.
	ErrRejected = errors.New("rejected by Temporal")
	// ErrMisconfigured is returned when Temporal accepts no call until the configuration is
	// corrected: the namespace, the credentials or the server version.
	ErrMisconfigured = errors.New("Temporal rejects this client's configuration")
)
