package ledger

import (
	"fmt"
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
	RequestCount int // how many it serves; those of a run header are not in Requests

	State      RunState
	StartedAt  time.Time
	FinishedAt time.Time // zero until decided
	Error      *events.RunError
	Reason     string          // why it was cancelled
	Results    []events.Result // one per entity, once decided
	Published  bool            // the outcome event is in JetStream
}

// Execution names what a run belongs to: the chain of workflow executions that began
// with a run, and a pass of it.
type Execution struct {
	WorkflowID string
	FirstRunID string
	Pass       int
}

// Ref names a run for who writes for it. The number alone is not enough: when the ledger
// was restored to an earlier state, it may know the number of a run that continues as that
// of another run, or not at all. Fields of Execution that are zero are not compared.
type Ref struct {
	Number    int64
	Execution Execution
}

// Ref names the run.
func (r Run) Ref() Ref {
	return Ref{Number: r.Number, Execution: Execution{WorkflowID: r.WorkflowID, FirstRunID: r.FirstRunID, Pass: r.Pass}}
}

// Check fails with ErrUnknown where the run with the number belongs to another execution.
func (r Ref) Check(owner Execution) error {
	if w := r.Execution; (w.WorkflowID == "" || w.WorkflowID == owner.WorkflowID) &&
		(w.FirstRunID == "" || w.FirstRunID == owner.FirstRunID) && (w.Pass == 0 || w.Pass == owner.Pass) {
		return nil
	}
	return fmt.Errorf("run %d belongs to pass %d of %s (run %s), not to pass %d of %s (run %s): %w", r.Number,
		owner.Pass, owner.WorkflowID, owner.FirstRunID, r.Execution.Pass, r.Execution.WorkflowID, r.Execution.FirstRunID, ErrUnknown)
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

// Finalization is the outcome with which a run is finalized.
type Finalization struct {
	State  RunState
	Error  *events.RunError
	Reason string

	// ClaimQueued makes a cancelled incremental pass claim the requests that are queued
	// behind it too. Recorded histories have it under its JSON name.
	ClaimQueued bool `json:"TakeWaiting"`
}
