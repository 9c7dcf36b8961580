package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
)

// Delivery is one event as the stream hands it out, to be settled exactly once.
type Delivery interface {
	Event() events.Message
	Deliveries() uint64 // counts this one
	Ack(ctx context.Context) error
	Retry(delay time.Duration) error
	Term(reason string) error
}

// Options are what a Notifier needs.
type Options struct {
	Channel Channel
	Logger  zerolog.Logger
	Now     func() time.Time // the clock, time.Now when nil
}

// Notifier tells people about outcomes: each at least once, as a rule exactly once.
type Notifier struct {
	channel Channel
	logger  zerolog.Logger
	now     func() time.Time
	told    memory
}

// New makes a Notifier.
func New(o Options) *Notifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Notifier{channel: o.Channel, logger: o.Logger, now: o.Now}
}

// Handle tells everyone an outcome event names and settles the event. The error
// says that settling failed; what went wrong with telling is logged.
func (n *Notifier) Handle(ctx context.Context, d Delivery) error {
	notifications, err := n.read(d.Event())
	if err != nil {
		n.logger.Error().Err(err).Str("subject", d.Event().Subject).Msg("outcome event cannot be read, nobody is told")
		return n.settled(d.Term("cannot be read: " + err.Error()))
	}
	err = n.tell(ctx, notifications)
	failpoint.Hit("notifier/told")
	switch failure, failed := asError(err); {
	case err == nil:
		return n.settled(d.Ack(ctx))
	case failed && failure.Permanent:
		return n.settled(d.Term(err.Error()))
	default:
		return n.settled(d.Retry(retryDelay(failure, d.Deliveries())))
	}
}

// read turns an event into the notifications it asks for: none for an event that
// is not an outcome, and none for the later parts of an outcome told in parts.
func (n *Notifier) read(m events.Message) ([]Notification, error) {
	m.Stored = time.Time{} // however old it is, people want to know
	event, err := events.Decode(m)
	if err != nil {
		return nil, err
	}
	kind, ok := outcomes[event.Type()]
	if !ok {
		return nil, nil
	}
	data, err := kind.decode(event)
	if err != nil {
		return nil, err
	}
	if data.Part > 1 {
		return nil, nil
	}
	var list []Notification
	for _, to := range data.Notify {
		list = append(list, Notification{
			To: to, Outcome: kind.outcome, Data: data, EventID: event.ID(),
			Age: max(0, n.now().Sub(data.FinishedAt)),
		})
	}
	return list, nil
}

// tell sends what was not sent before. One channel's trouble does not keep the
// others waiting; of several errors the one that another try may cure counts.
func (n *Notifier) tell(ctx context.Context, list []Notification) error {
	var worst error
	for _, notification := range list {
		if n.told.has(notification) {
			continue
		}
		err := n.channel.Send(ctx, notification)
		if err == nil {
			n.told.add(notification)
			continue
		}
		n.log(notification, err)
		if failure, ok := asError(err); worst == nil || !ok || !failure.Permanent {
			worst = err
		}
		if failure, ok := asError(err); ok && failure.Permanent {
			n.told.add(notification) // never again, also when another channel asks for a retry
		}
	}
	return worst
}

func (n *Notifier) log(notification Notification, err error) {
	level, what := zerolog.WarnLevel, "not told yet, will try again"
	if failure, ok := asError(err); ok && failure.Permanent {
		level, what = zerolog.ErrorLevel, "could not be told, giving up"
	}
	n.logger.WithLevel(level).Err(err).
		Str("event_id", notification.EventID).
		Str("workflow_id", notification.Data.WorkflowID).
		Msg(what)
}

func (n *Notifier) settled(err error) error {
	if err != nil {
		return fmt.Errorf("settle outcome event: %w", err)
	}
	return nil
}

func asError(err error) (*Error, bool) {
	var failure *Error
	ok := errors.As(err, &failure)
	return failure, ok
}

// retryDelay is what the other side asked for, else one second doubled with each
// delivery, at most five minutes.
func retryDelay(failure *Error, deliveries uint64) time.Duration {
	const longest = 5 * time.Minute
	if failure != nil && failure.After > 0 {
		return failure.After
	}
	if deliveries > 9 {
		return longest
	}
	return min(longest, time.Second<<max(0, int(deliveries)-1))
}
