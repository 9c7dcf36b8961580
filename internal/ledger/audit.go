package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// AuditEntry records one action that a client took over HTTP, accepted or refused, or an erasure. It has
// no secrets and no bodies.
type AuditEntry struct {
	ID        string // unique; storing an entry again has no effect
	Number    int64  // orders the entries; 0 until stored
	At        time.Time
	Actor     string          // name of the API token, or USER of a command; "" without tokens, or if the client is unknown
	Role      string          // of the token; "" if the client is unknown
	Action    string          // such as request.full or control.pause
	Target    string          // workflow ID or schedule ID; "" if the action has none or was refused before
	TenantID  events.TenantID // of a request; "" if unknown
	RequestID string          // of the request or control that was published; "" if none was
	Reason    string          // that the client gave
	Status    int             // of the response
	Problem   string          // the end of the type of the problem, such as role; "" if accepted
	Remote    string          // address of the client, or of a proxy before the gateway
}

// Refused reports whether the action had no effect.
func (e AuditEntry) Refused() bool { return e.Status >= 400 }

// AuditOutcome is whether an action was accepted.
type AuditOutcome string

const (
	AuditAccepted AuditOutcome = "accepted"
	AuditRefused  AuditOutcome = "refused"
)

// AuditFilter selects audit entries. Zero fields select all.
type AuditFilter struct {
	TenantID events.TenantID
	Actor    string
	Action   string
	Outcome  AuditOutcome
	Since    time.Time // only actions at this time or later
	Before   int64     // only entries with a lower number: the cursor of the next page
}

// Check returns an error for each field whose value cannot exist; actions are all that do. The paths
// of the errors are action and outcome.
func (f AuditFilter) Check(actions []string) []events.FieldError {
	var errs []events.FieldError
	outcomes := []string{string(AuditAccepted), string(AuditRefused)}
	if f.Action != "" && !slices.Contains(actions, f.Action) {
		errs = append(errs, events.FieldError{Path: "action", Got: fmt.Sprintf("%q", f.Action), Want: "one of " + strings.Join(actions, ", ")})
	}
	if f.Outcome != "" && !slices.Contains(outcomes, string(f.Outcome)) {
		errs = append(errs, events.FieldError{Path: "outcome", Got: fmt.Sprintf("%q", f.Outcome), Want: wantOneOf("outcome", string(f.Outcome), outcomes)})
	}
	return errs
}
