package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
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

// Temporal is what the bridge asks of Temporal. An error that is none of those
// below says that the call may have arrived or not: making it again does no harm.
type Temporal interface {
	// Start starts a workflow, once for each ID ever. Where that was done before,
	// it returns the first run of then.
	Start(ctx context.Context, e Execution) (firstRunID string, err error)
	// Wake signals a workflow, and starts it if it is not running. With Once, one
	// that was started before is only signalled.
	Wake(ctx context.Context, e Execution, signal Signal) (firstRunID string, err error)
	// Signal signals a running workflow. Where none runs it is ErrNotRunning.
	Signal(ctx context.Context, workflowID string, signal Signal) error
	// Describe says what became of the execution that began with a run.
	Describe(ctx context.Context, workflowID, firstRunID string) (Fate, error)
}

// Execution is what to start.
type Execution struct {
	ID       string
	Workflow any // the function
	Input    any
	Timeout  time.Duration // 0 for none
	Once     bool          // never again with this ID, also after it ended
}

// Signal is a signal with its payload.
type Signal struct {
	Name    string
	Payload any
}

// Fate is what became of a workflow execution. All but Open mean that it ended.
type Fate string

const (
	Open           Fate = "open"
	FateCompleted  Fate = "completed"
	FateFailed     Fate = "failed"
	FateCancelled  Fate = "was cancelled"
	FateTerminated Fate = "was terminated"
	FateTimedOut   Fate = "ran out of time"
	FateForgotten  Fate = "is not known to Temporal"
	FateSuperseded Fate = "was replaced by a later execution"
	FateUnknowable Fate = "ended in a way that is not known"
)

var (
	// ErrNotRunning says that no workflow with that ID runs.
	ErrNotRunning = errors.New("the workflow is not running")
	// ErrRefused says that Temporal will never take this call.
	ErrRefused = errors.New("Temporal refuses the call")
	// ErrMisconfigured says that Temporal takes no call of ours until somebody
	// mends the configuration: the namespace, the credentials or the version.
	ErrMisconfigured = errors.New("Temporal refuses us as configured")
)
