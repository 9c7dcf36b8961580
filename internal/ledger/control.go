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
	ReceivedAt time.Time
}

// ControlState says what became of a control.
type ControlState string

const (
	ControlPending  ControlState = "pending"  // its target is not known yet, or the signal is under way
	ControlApplied  ControlState = "applied"  // the workflow has the signal
	ControlRejected ControlState = "rejected" // it can never apply
)
