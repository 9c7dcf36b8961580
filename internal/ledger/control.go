package ledger

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// Control is one sync.control: pause, resume or cancel.
type Control struct {
	ID      string // events.RequestID(Source, EventID)
	Source  string
	EventID string

	Action     events.Action
	WorkflowID string // exactly one of WorkflowID and Target is set
	Target     string // a request ID, or an event id that only one request has
	Reason     string
	Actor      string
	Sequence   uint64         // when the stream stored the event, in ns: controls apply in this order
	Message    events.Message // as received, for the dead letter should it be rejected later

	State      ControlState
	Rejection  *events.Rejection // why, when State is ControlRejected
	Applied    Applied           // to what, when State is ControlApplied
	Answered   bool              // the answer is known to be published
	ReceivedAt time.Time
}

// Applied names what a control was applied to. It is kept, so that its answer is the
// same however often it is published.
type Applied struct {
	WorkflowID string
	RunID      string // first run of the workflow, where known
}

// ControlState says what became of a control.
type ControlState string

const (
	ControlPending  ControlState = "pending"  // its target is not known yet, or the signal is under way
	ControlApplied  ControlState = "applied"  // the workflow has the signal
	ControlRejected ControlState = "rejected" // it can never apply
)
