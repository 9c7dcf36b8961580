package ledger

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// Control is one sync.control.
type Control struct {
	ID      string // events.RequestID(Source, EventID)
	Source  string
	EventID string

	Action     events.Action
	WorkflowID string // exactly one of WorkflowID and Target is set
	Target     string // a request ID, or the event id of a single request
	Reason     string
	Actor      string
	Sequence   uint64         // when the stream stored the event, in ns; controls apply in this order
	Message    events.Message // as received, for a dead letter if it is rejected later

	State      ControlState
	Rejection  *events.Rejection // set if State is ControlRejected
	Applied    Applied           // set if State is ControlApplied
	Answered   bool              // the answer is known to be published
	ReceivedAt time.Time
}

// Applied names what a control was applied to. It is stored, so that a repeated answer is the
// same.
type Applied struct {
	WorkflowID string
	RunID      string // first run of the workflow, "" if unknown
}

// ControlState is the state of a control.
type ControlState string

const (
	ControlPending  ControlState = "pending"  // its target is unknown, or the signal is not confirmed
	ControlApplied  ControlState = "applied"  // the workflow received the signal
	ControlRejected ControlState = "rejected" // it can never be applied
)
