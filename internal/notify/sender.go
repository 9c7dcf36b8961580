package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/lazi/lazisync/internal/backoff"
)

// Sender posts messages to one kind of channel.
type Sender interface {
	// Send posts one message to the channel of the notifications: about one notification,
	// or a digest of several that share a channel. An error that is not an *Error, or an
	// *Error that is not permanent, makes the Notifier retry.
	Send(ctx context.Context, list []Notification) error
}

// Editor is a Sender that edits the message of an incident where others send one more message.
// What it edits is not grouped.
type Editor interface {
	Sender
	// Edits reports whether it does so in a channel.
	Edits(channel string) bool
}

// Senders sends to each channel with its own Sender, and to all other channels with Default.
type Senders struct {
	Default Sender
	Named   map[string]Sender // by channel
}

// Send posts one message with the Sender of its channel.
func (s Senders) Send(ctx context.Context, list []Notification) error {
	return s.of(list[0].To).Send(ctx, list)
}

// of returns the Sender of a channel.
func (s Senders) of(channel string) Sender {
	if named, ok := s.Named[channel]; ok {
		return named
	}
	return s.Default
}

// Edits reports whether the Sender of a channel edits messages there.
func (s Senders) Edits(channel string) bool {
	editor, ok := s.of(channel).(Editor)
	return ok && editor.Edits(channel)
}

// Error reports why a message was not sent. It never contains the webhook URL.
type Error struct {
	To        string        // the channel
	Status    int           // HTTP status, 0 without a response
	Text      string        // the response, or the reason why there was none
	Permanent bool          // no retry can succeed
	After     time.Duration // delay before the next attempt, 0 for the default backoff

	rejectsForm bool // of a response with a status of success
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

// RetryAfter returns the delay before the next attempt, 0 for the default backoff.
func (e *Error) RetryAfter() time.Duration { return e.After }

// retryDelay returns the delay that the channel asked for, else the default backoff.
func retryDelay(failure *Error, deliveries uint64) time.Duration {
	if failure != nil && failure.After > 0 {
		return failure.After
	}
	return nextDelay(deliveries)
}

// nextDelay returns the delay after the nth attempt: one second, doubled with each attempt, at
// most five minutes.
func nextDelay(attempts uint64) time.Duration {
	return backoff.Exponential(time.Second, 5*time.Minute, attempts)
}
