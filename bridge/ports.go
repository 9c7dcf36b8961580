package bridge

import (
	"context"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// Message is one delivery of a command. It is settled by one of Ack, Retry and Term.
type Message interface {
	Event() events.Message
	Deliveries() uint64 // including this one
	// Context returns ctx with the span of the delivery, if there is one.
	Context(ctx context.Context) context.Context

	Ack(ctx context.Context) error   // processed
	Retry(delay time.Duration) error // redeliver after the delay
	Term(reason string) error        // never redeliver
}

// Publisher publishes events. Publishing an event again has no effect.
type Publisher interface {
	Publish(ctx context.Context, event events.Event) error
	// PublishAll returns one entry per event, nil if the stream stored it.
	PublishAll(ctx context.Context, all []events.Event) []error
	// DeadLetter writes a message to the dead-letter stream and returns its place there. It
	// is idempotent.
	DeadLetter(ctx context.Context, original events.Message, why events.Rejection, attempts uint64) (stream string, sequence uint64, err error)
}

// Recorder records what the bridge does, for metrics. Its methods are safe for concurrent
// use.
type Recorder interface {
	// Answered records the answer to a command, one of Answers. mode is that of a request, as
	// its publisher wrote it; "" for a control and for what cannot be read.
	Answered(kind events.Kind, mode events.Mode, answer string)
	// Reconciled records an action of the reconciler, one of ReconcileActions, and how many
	// times it was carried out.
	Reconciled(action string, times int)
}

// nopRecorder records nothing.
type nopRecorder struct{}

func (nopRecorder) Answered(events.Kind, events.Mode, string) {}
func (nopRecorder) Reconciled(string, int)                    {}

// History is the event stream as far as run numbers are concerned.
type History interface {
	// LastRunNumber returns the highest run number among the latest runs, 0 if there is none.
	LastRunNumber(ctx context.Context) (int64, error)
}

// Ledger is the bridge's view of the ledger.
type Ledger interface {
	RequestLedger
	ControlLedger
	RunLedger
}

// RequestLedger stores requests.
type RequestLedger interface {
	// Receive records requests and returns a receipt for each, in order.
	Receive(ctx context.Context, requests []ledger.Request) ([]ledger.Receipt, error)
	// Accept marks requests as accepted by workflows, given by their first runs, and returns the
	// recorded first run of each request. It has no effect on requests that are accepted already.
	Accept(ctx context.Context, firstRunIDs map[string]string) (recorded map[string]string, err error)
	// FindRequests finds a request by its ID, or else requests by their event's id; at most
	// two.
	FindRequests(ctx context.Context, ref string) ([]ledger.Request, error)
	// WithdrawRequest cancels one incremental request. emptyPass is the number of the pass that
	// served it, if that continues but serves no other request, otherwise 0. If the request was
	// finalized before, the error is ledger.ErrFinalized and withdrawn is the run that finalized
	// it; emptyPass is set then, too, if that was the request's own withdrawal.
	WithdrawRequest(ctx context.Context, requestID, reason string) (withdrawn ledger.Run, emptyPass int64, err error)
	// Unstarted lists requests that may not have been given to Temporal or answered: those received
	// longer ago than an age, and second passes that are due. A run may have claimed them already. A
	// request that was finalized without a workflow is not listed.
	Unstarted(ctx context.Context, olderThan time.Duration) ([]ledger.Request, error)
	// AcceptedWithoutRun lists accepted full and rebuild requests without a run.
	AcceptedWithoutRun(ctx context.Context, olderThan time.Duration) ([]ledger.Request, error)
}

// ControlLedger stores controls.
type ControlLedger interface {
	// RecordControl records a control, or returns the recorded one. A message that repeats a control
	// shares its result, also when it is redelivered. A message that arrives after the control was
	// rejected and answered is a replay: the control becomes pending again. The error is ledger.ErrConflict if a
	// request has the same identity.
	RecordControl(ctx context.Context, control ledger.Control) (recorded ledger.Control, repeated bool, err error)
	// HasControl reports whether a control is recorded.
	HasControl(ctx context.Context, id string) (bool, error)
	// MarkControlSignalled records that the signal of a control is sent. first is false if that was recorded before.
	MarkControlSignalled(ctx context.Context, id string) (first bool, err error)
	// IsControlSignalled reports whether MarkControlSignalled was called since the control became pending:
	// a workflow may have received it.
	IsControlSignalled(ctx context.Context, id string) (bool, error)
	// HasOpenRequest reports whether a workflow has a request without an outcome that was published until a time
	// in ns, like ledger.Request.IsPublishedUntil.
	HasOpenRequest(ctx context.Context, workflowID string, until uint64) (bool, error)
	// SettleControl settles a pending control and returns the settled control, which is
	// another caller's if that caller was first.
	SettleControl(ctx context.Context, control ledger.Control) (settled ledger.Control, err error)
	// MarkControlAnswered records that the answer to a control is published.
	MarkControlAnswered(ctx context.Context, id string) error
	// UnansweredControls lists controls that were settled longer ago than an age and are not
	// marked as answered.
	UnansweredControls(ctx context.Context, olderThan time.Duration) ([]ledger.Control, error)
	// PendingControls lists controls that are not settled, in the order of their events.
	PendingControls(ctx context.Context) ([]ledger.Control, error)
}

// RunLedger stores runs and their outcomes.
type RunLedger interface {
	Run(ctx context.Context, number int64) (ledger.Run, error)
	// RunHeader reads a run with few of its requests.
	RunHeader(ctx context.Context, number int64) (ledger.Run, error)
	Workflow(ctx context.Context, workflowID string) (ledger.WorkflowState, error)
	// Unfinalized and Unpublished list runs without their requests.
	Unfinalized(ctx context.Context) ([]ledger.Run, error)
	Unpublished(ctx context.Context) ([]ledger.Run, error)
	// Finalize finalizes a run and returns it with its outcome, which is the earlier one if
	// it was finalized before.
	Finalize(ctx context.Context, run ledger.Ref, f ledger.Finalization) (ledger.Run, error)
	// FinalizeUnstarted finalizes a request without a run. If its run has begun after all,
	// that run is returned unchanged.
	FinalizeUnstarted(ctx context.Context, requestID string, f ledger.Finalization) (ledger.Run, error)
	// RaiseRunNumbers makes the next run number higher than one in the event stream, and
	// returns the last number used. raised reports that it was not higher: the ledger was
	// restored to an earlier state.
	RaiseRunNumbers(ctx context.Context, inStream int64) (last int64, raised bool, err error)
	MarkPublished(ctx context.Context, run ledger.Ref) error
	// DropStagingTables drops the staging tables of finished rebuilds and returns how many.
	DropStagingTables(ctx context.Context) (int, error)
	// Prune deletes rows finalized longer ago than keep and returns how many.
	Prune(ctx context.Context, keep time.Duration) (int64, error)
	// PruneChanges deletes recorded changes of rows that are older than keep and returns how many.
	PruneChanges(ctx context.Context, keep time.Duration) (int64, error)
}

// Temporal starts, signals and describes workflow executions. Its errors are
// workflows.ErrNotRunning, ErrRejected and ErrMisconfigured; any other error is transient,
// and repeating the call is safe.
type Temporal interface {
	// Start starts a workflow and returns the first run of its chain. If the ID is running,
	// or was started before and Once is set, it returns the first run of that execution.
	Start(ctx context.Context, o workflows.StartOptions) (firstRunID string, err error)
	// SignalWithStart signals a workflow and starts it first if it is not running. With
	// Once, a workflow that was started before is signalled only while it runs.
	SignalWithStart(ctx context.Context, o workflows.StartOptions, signal workflows.Signal) (firstRunID string, err error)
	// Signal signals a running workflow. It returns workflows.ErrNotRunning if none runs.
	Signal(ctx context.Context, workflowID string, signal workflows.Signal) error
	// ExecutionStatus returns the status of the execution that began with a run, or of the
	// latest execution if firstRunID is "".
	ExecutionStatus(ctx context.Context, workflowID, firstRunID string) (workflows.ExecutionStatus, error)
}
