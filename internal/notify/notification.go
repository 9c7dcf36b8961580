package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// Outcome is what became of a run or a command, as people are told.
type Outcome string

const (
	Completed Outcome = "completed"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
	Rejected  Outcome = "rejected" // a command, parked on the dead letter stream
)

// Notification is what one group of people is told about one event.
type Notification struct {
	To      string // the Slack channel
	Outcome Outcome
	Run     events.OutcomeData  // unless Outcome is Rejected
	Command events.RejectedData // if Outcome is Rejected
	EventID string
	At      time.Time // when it happened

	// Times is how often the same happened since Since, this time included; 0 where
	// nothing is folded.
	Times int
	Since time.Time
}

// likeness is equal for notifications that tell the same, and empty for those that
// are always news.
func (n Notification) likeness() string {
	switch n.Outcome {
	case Rejected:
		return strings.Join([]string{n.To, n.Command.Subject, string(n.Command.Code)}, "\x00")
	case Failed:
		return strings.Join(append([]string{n.To, n.Run.TenantID, string(n.Run.Mode)}, failures(n.Run)...), "\x00")
	default:
		return ""
	}
}

// failures names what failed, and how: entities with the type of their error. The words
// of an error are left out, they may hold a time or an id.
func failures(run events.OutcomeData) []string {
	var list []string
	for _, r := range run.Results {
		if r.Status == events.StatusFailed && r.Error != nil {
			list = append(list, fmt.Sprintf("%s (%s)", r.Entity, r.Error.Type))
		}
	}
	if len(list) == 0 && run.Error != nil {
		if run.Error.Entity == "" {
			return []string{string(run.Error.Type)}
		}
		return []string{fmt.Sprintf("%s (%s)", run.Error.Entity, run.Error.Type)}
	}
	slices.Sort(list)
	return list
}

// Sender is a way to reach people. It sends one message: about one notification, or a
// digest of several to the same people. An error that another try may cure is an *Error
// that is not permanent.
type Sender interface {
	Send(ctx context.Context, list []Notification) error
}

// Error says why a message was not sent. It never holds the address.
type Error struct {
	To        string
	Status    int    // HTTP status, 0 without an answer
	Text      string // what the other side said, or why there was no answer
	Permanent bool   // no later try can succeed
	After     time.Duration
}

func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("notify %s: %s", e.To, e.Text)
	}
	if e.Status >= 200 && e.Status < 300 {
		return fmt.Sprintf("notify %s: got the error %q with HTTP status %d, want ok", e.To, e.Text, e.Status)
	}
	return fmt.Sprintf("notify %s: got HTTP status %d (%s), want 200", e.To, e.Status, e.Text)
}

// RetryAfter is how long to leave the other side alone, 0 when nobody says.
func (e *Error) RetryAfter() time.Duration { return e.After }

// outcomes ties the event types that tell of a run to what people are told.
var outcomes = map[string]struct {
	outcome Outcome
	decode  func(events.Event) (events.OutcomeData, error)
}{
	events.Completed.Name: {Completed, events.Completed.Data},
	events.Failed.Name:    {Failed, events.Failed.Data},
	events.Cancelled.Name: {Cancelled, events.Cancelled.Data},
}

// read turns an event into the notifications it asks for: none for an event that people
// do not hear of, and none for the later parts of an outcome told in parts. Of rejected
// commands alerts hears.
func read(m events.Message, alerts string) ([]Notification, error) {
	m.Stored = time.Time{} // however old it is, people want to know
	event, err := events.Decode(m)
	if err != nil {
		return nil, err
	}
	if event.Type() == events.Rejected.Name {
		command, err := events.Rejected.Data(event)
		if err == nil && command.Code.NamesNothing() {
			return nil, nil // a typo; its sender has the answer
		}
		return []Notification{{To: alerts, Outcome: Rejected, Command: command, EventID: event.ID(), At: event.Time()}}, err
	}
	kind, ok := outcomes[event.Type()]
	if !ok {
		return nil, nil
	}
	run, err := kind.decode(event)
	if err != nil || run.Part > 1 {
		return nil, err
	}
	var list []Notification
	for i, to := range run.Notify {
		if slices.Contains(run.Notify[:i], to) {
			continue
		}
		list = append(list, Notification{To: to, Outcome: kind.outcome, Run: run, EventID: event.ID(), At: run.FinishedAt})
	}
	return list, nil
}
