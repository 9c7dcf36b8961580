package bridge

import (
	"context"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// Message is one delivery of a command.
type Message interface {
	Event() events.Message
	Deliveries() uint64 // 1 the first time

	Ack(ctx context.Context) error   // it is done
	Retry(delay time.Duration) error // deliver it again after the delay
	Term(reason string) error        // it can never succeed; never deliver it again
}

// Publisher sends what the bridge has to say. Publishing an event that is there
// already changes nothing.
type Publisher interface {
	Publish(ctx context.Context, event events.Event) error
	// PublishAll returns one entry per event, nil where the stream has it.
	PublishAll(ctx context.Context, all []events.Event) []error
	// DeadLetter parks the original of a message and says where. Parking the
	// same message again finds it where it is.
	DeadLetter(ctx context.Context, original events.Message, why events.Rejection, attempts uint64) (stream string, sequence uint64, err error)
}

// History is what the event stream remembers.
type History interface {
	// LastRunNumber is the highest number among its latest runs, 0 where it has none.
	LastRunNumber(ctx context.Context) (int64, error)
}

// Ledger is what the bridge needs of the ledger.
type Ledger interface {
	RequestLedger
	ControlLedger
	RunLedger
}

// RequestLedger keeps requests.
type RequestLedger interface {
	// Receive records requests and returns what the ledger holds of each, in order.
	Receive(ctx context.Context, requests []ledger.Request) ([]ledger.Receipt, error)
	// Accept marks requests as known to Temporal, and returns the first run of each. It
	// never takes anything back.
	Accept(ctx context.Context, requestIDs []string, firstRunID string) (map[string]string, error)
	// FindRequests finds a request by its ID, else by its event's id: at most two.
	FindRequests(ctx context.Context, ref string) ([]ledger.Request, error)
	// Withdraw cancels one incremental request and leaves its pass to the others.
	// passEmpty says that the pass goes on and has no request left. Where the
	// request was decided before, it is ledger.ErrFinalized and the deciding run;
	// passEmpty holds then, too, if that is the request's own withdrawal.
	Withdraw(ctx context.Context, requestID, reason string) (withdrawn ledger.Run, passEmpty bool, err error)
	// Unstarted lists requests that no Temporal call is known to have reached: those
	// older than an age, and second passes whose time has come.
	Unstarted(ctx context.Context, olderThan time.Duration) ([]ledger.Request, error)
	// AcceptedWithoutRun lists accepted full and rebuild requests that no run serves.
	AcceptedWithoutRun(ctx context.Context, olderThan time.Duration) ([]ledger.Request, error)
}

// ControlLedger keeps controls.
type ControlLedger interface {
	// RecordControl records a control, or returns the one that is there. One that was
	// rejected and comes again as another message is pending afresh.
	// It is ledger.ErrConflict where a request has the identity.
	RecordControl(ctx context.Context, control ledger.Control) (recorded ledger.Control, repeated bool, err error)
	// HasControl says whether a control was recorded.
	HasControl(ctx context.Context, id string) (bool, error)
	// SettleControl settles a pending control, and returns it as it stands: the first who
	// settles it decides.
	SettleControl(ctx context.Context, settled ledger.Control) (stands ledger.Control, err error)
	// MarkControlAnswered notes that the answer to a control is published.
	MarkControlAnswered(ctx context.Context, id string) error
	// UnansweredControls lists controls that were settled longer ago than an age and whose
	// answer is not known to be published.
	UnansweredControls(ctx context.Context, olderThan time.Duration) ([]ledger.Control, error)
	// PendingControls lists the controls that are not settled, in the order of their events.
	PendingControls(ctx context.Context) ([]ledger.Control, error)
}

// RunLedger keeps runs and their outcomes.
type RunLedger interface {
	Run(ctx context.Context, number int64) (ledger.Run, error)
	// RunHeader reads a run without most of its requests. Unfinalized and Unpublished list
	// runs without any.
	RunHeader(ctx context.Context, number int64) (ledger.Run, error)
	Workflow(ctx context.Context, workflowID string) (ledger.WorkflowState, error)
	Unfinalized(ctx context.Context) ([]ledger.Run, error)
	// Finalize ends a run; of one that is decided it returns what was decided first.
	Finalize(ctx context.Context, run ledger.Ref, decision ledger.Finalization) (ledger.Run, error)
	// FinalizeUnstarted gives a request that no run serves an outcome. Where a run has
	// begun after all, it is returned as it is.
	FinalizeUnstarted(ctx context.Context, requestID string, decision ledger.Finalization) (ledger.Run, error)
	// RaiseRunNumbers makes the next run number higher than one that the event stream has.
	// raised says that it was not: the ledger was restored to an earlier state.
	RaiseRunNumbers(ctx context.Context, inStream int64) (given int64, raised bool, err error)
	Unpublished(ctx context.Context) ([]ledger.Run, error)
	MarkPublished(ctx context.Context, run ledger.Ref) error
	// DropStagingTables drops what rebuilds that are over have left, and says how many.
	DropStagingTables(ctx context.Context) (int, error)
	// Prune forgets what was decided longer ago and says how many rows that were.
	Prune(ctx context.Context, keep time.Duration) (int64, error)
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
