package ledger

import (
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
)

// Run is one pass over a set of entities that serves one or more requests. Events, rows and
// cursors identify it by its number.
type Run struct {
	Number     int64
	TenantID   events.TenantID
	Mode       events.Mode
	WorkflowID string
	FirstRunID string // first run of the workflow execution chain
	Pass       int    // 1 for full and rebuild; counts the passes of an IncrementalSync

	Entities     []string
	AllowDeletes bool
	Refresh      bool // an incremental that reads what its requests name by ids or since
	Requests     []Request
	RequestCount int       // how many it serves; a run header has few or none of them in Requests
	RequestedBy  Requester // of the first request; zero if every request was withdrawn

	State      RunState // Running until finalized, also during a pause
	Pause      *Pause   // set while the run is paused
	StartedAt  time.Time
	FinishedAt time.Time // zero until finalized
	Error      *events.RunError
	Reason     string          // why it was cancelled
	Results    []events.Result // one per entity, once finalized
	Published  bool            // the outcome is in the event stream
}

// Execution identifies what a run belongs to: a chain of workflow runs by its first run, and a
// pass of that chain.
type Execution struct {
	WorkflowID string
	FirstRunID string
	Pass       int
}

// Ref identifies a run for a write. The number alone is not enough: after the ledger was
// restored to an earlier state, the number of a run that continues may be unknown or belong to
// another run. Zero fields of Execution are not compared.
type Ref struct {
	Number    int64
	Execution Execution
}

// Ref returns the reference of the run.
func (r Run) Ref() Ref {
	return Ref{Number: r.Number, Execution: Execution{WorkflowID: r.WorkflowID, FirstRunID: r.FirstRunID, Pass: r.Pass}}
}

// Check returns ErrUnknown if the run with the number belongs to another execution.
func (r Ref) Check(owner Execution) error {
	if e := r.Execution; (e.WorkflowID == "" || e.WorkflowID == owner.WorkflowID) &&
		(e.FirstRunID == "" || e.FirstRunID == owner.FirstRunID) && (e.Pass == 0 || e.Pass == owner.Pass) {
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

	// Paused is the reported state of a run that is paused. The ledger keeps such a run as
	// Running: see Run.ReportedState.
	Paused RunState = "paused"
)

// Pause says since when a run is paused, by whom and why.
type Pause struct {
	Since  time.Time
	Actor  string // "" if unknown
	Reason string
	Number int // counts the pauses and resumes of the workflow; a late write has a lower number
}

// ReportedState returns the state of the run that people and other systems see: Paused for an
// open run that is paused, otherwise State.
func (r Run) ReportedState() RunState {
	if r.State == Running && r.Pause != nil {
		return Paused
	}
	return r.State
}

// BeginInput describes a run to begin. Beginning it is idempotent on (WorkflowID, FirstRunID, Pass).
type BeginInput struct {
	TenantID   events.TenantID
	Mode       events.Mode
	WorkflowID string
	FirstRunID string
	Pass       int
	RequestID  string // the request of a full or rebuild; an incremental claims the queued requests
	Refreshes  bool   `json:",omitempty"` // the workflow serves refreshes in passes of their own; absent in earlier histories
	Pause      *Pause `json:",omitempty"` // of a tenant's incremental sync that was paused before the pass began

	// MayWait says that an incremental pass need not begin at once. MinInterval is then the minimum time
	// from the beginning of the tenant's last pass to the beginning of this one.
	MayWait     bool          `json:",omitempty"`
	MinInterval time.Duration `json:"-"` // the worker's configuration

	// ClaimUntil is set for an incremental pass that only cancels: it claims requests that were published
	// until then, in ns like the sequence of a control; 0: all of them.
	ClaimUntil uint64 `json:",omitempty"`
}

// NotDueError is returned for an incremental pass that would begin too early. Nothing has begun, and
// the requests wait.
type NotDueError struct {
	Wait time.Duration // until the pass may begin, above 0
}

func (e *NotDueError) Error() string {
	return fmt.Sprintf("the minimum interval between passes ends in %s", e.Wait.Round(time.Second))
}

// Finalization is the outcome with which a run is finalized.
type Finalization struct {
	State  RunState
	Error  *events.RunError
	Reason string

	// ClaimQueued makes a cancelled incremental pass claim the requests that are queued
	// behind it too. Recorded histories have it under its JSON name.
	ClaimQueued bool `json:"TakeWaiting"`
	// ClaimUntil limits ClaimQueued to requests that were published until then, in ns like the
	// sequence of a control; 0: all of them.
	ClaimUntil uint64 `json:",omitempty"`
}
