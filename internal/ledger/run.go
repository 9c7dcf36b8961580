package ledger

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// Run is one pass over a set of entities that serves one or more requests. Its
// number identifies it everywhere: in events, rows and cursors.
type Run struct {
	Number     int64
	TenantID   string
	Mode       events.Mode
	WorkflowID string
	FirstRunID string // first run of the workflow execution chain
	Pass       int    // 1 for full and rebuild; counts the passes of an IncrementalSync

	Entities     []string
	AllowDeletes bool
	Requests     []Request

	State      RunState
	StartedAt  time.Time
	FinishedAt time.Time // zero until decided
	Error      *events.RunError
	Reason     string          // why it was cancelled
	Results    []events.Result // one per entity, once decided
	Published  bool            // the outcome event is in JetStream
}

// RunState is the state of a run. All but Running are outcomes.
type RunState string

const (
	Running   RunState = "running"
	Completed RunState = "completed"
	Failed    RunState = "failed"
	Cancelled RunState = "cancelled"
)

// Begin asks for a run. It is idempotent on (WorkflowID, FirstRunID, Pass).
type Begin struct {
	TenantID   string
	Mode       events.Mode
	WorkflowID string
	FirstRunID string
	Pass       int
	RequestID  string // the request of a full or rebuild; an incremental claims what waits
}

// Decision ends a run.
type Decision struct {
	State  RunState
	Error  *events.RunError
	Reason string

	// TakeWaiting lets a cancelled incremental pass answer the requests that
	// wait behind it, too.
	TakeWaiting bool
}
