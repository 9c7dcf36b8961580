package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
)

// Outcome is how a run ended, as people are told.
type Outcome string

const (
	Completed Outcome = "completed"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
)

// Notification is what one group of people is told about one run.
type Notification struct {
	To      string // the Slack channel, as the event names it
	Outcome Outcome
	Data    events.OutcomeData
	EventID string
	Age     time.Duration // since the run ended
}

// Channel is a way to reach people. An error that another try may cure is an
// *Error that is not permanent.
type Channel interface {
	Send(ctx context.Context, n Notification) error
}

// Error says why a notification was not sent. It never holds the address.
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
	return fmt.Sprintf("notify %s: got HTTP status %d (%s), want 200", e.To, e.Status, e.Text)
}

// RetryAfter is how long the other side asks to be left alone, 0 when it does not say.
func (e *Error) RetryAfter() time.Duration { return e.After }

// outcomes ties the event types that people hear about to what they are told.
var outcomes = map[string]struct {
	outcome Outcome
	decode  func(events.Event) (events.OutcomeData, error)
}{
	events.Completed.Name: {Completed, events.Completed.Data},
	events.Failed.Name:    {Failed, events.Failed.Data},
	events.Cancelled.Name: {Cancelled, events.Cancelled.Data},
}
