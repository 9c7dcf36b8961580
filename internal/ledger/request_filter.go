package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
)

// RequestStates are the states of requests.
var RequestStates = []RequestState{Received, Accepted}

// RequestFilter selects requests. Zero fields select all.
type RequestFilter struct {
	TenantID events.TenantID
	Mode     events.Mode
	State    RequestState
	Since    time.Time // only requests that were recorded at this time or later
	Before   string    // only requests before this one: the ID of the last one of the previous page
}

// Check returns an error for each field whose value cannot exist. The paths of the errors are mode
// and state.
func (f RequestFilter) Check() []events.FieldError {
	var errs []events.FieldError
	if f.Mode != "" && !slices.Contains(events.ModeNames(), string(f.Mode)) {
		errs = append(errs, events.FieldError{Path: "mode", Got: fmt.Sprintf("%q", f.Mode), Want: wantOneOf("mode", string(f.Mode), events.ModeNames())})
	}
	if f.State != "" && !slices.Contains(RequestStates, f.State) {
		errs = append(errs, events.FieldError{Path: "state", Got: fmt.Sprintf("%q", f.State), Want: "one of received, accepted"})
	}
	return errs
}
