package notify

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
)

// Results of a notification, as Options.OnResult receives them.
const (
	Sent    = "sent"
	Grouped = "folded"   // a repetition within the window: the next message has its count
	Delayed = "delayed"  // failed, will be retried
	GivenUp = "given_up" // failed permanently
)

// Results lists all of them.
var Results = []string{Sent, Grouped, Delayed, GivenUp}

// Options configure a Notifier.
type Options struct {
	Sender Sender
	Alerts string        // the channel for rejected commands
	Routes []Route       // channels by tenant and kind, in place of those of the event
	Copies []string      // channels that receive every notification, besides the channels of the event
	Window time.Duration // how long identical failures are grouped into one message; 0 disables grouping
	State  State         // default: a LocalState
	Logger zerolog.Logger

	OnResult func(channel, result string) // called with the result of each notification; may be nil
	Now      func() time.Time             // default time.Now
}

// Notifier sends notifications about outcomes and rejected commands: each at least once,
// usually exactly once. It handles one batch at a time and is not safe for concurrent use.
type Notifier struct {
	Options
	delivered delivered
	groups    groups
	stateErr  error // of the batch: the state is not read again before the next one
}

// New returns a Notifier.
func New(o Options) *Notifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnResult == nil {
		o.OnResult = func(string, string) {}
	}
	if o.State == nil {
		o.State = &LocalState{}
	}
	return &Notifier{Options: o, groups: groups{}}
}

// maxMessages is the number of messages that one batch sends to a channel. If there are
// more, they are sent as one digest.
const maxMessages = 5

// Handle sends the notifications for a batch of events and settles each event. The error
// joins the failures to settle; failures to send are logged and retried.
func (n *Notifier) Handle(ctx context.Context, batch []Delivery) error {
	pendings := make([]*pending, len(batch))
	var messages []*message
	n.stateErr = nil
	for i, d := range batch {
		pendings[i] = &pending{delivery: d}
		messages = n.collect(ctx, messages, pendings[i])
	}
	now := n.Now()
	n.groups.prune(now, n.Window)
	messages = slices.DeleteFunc(messages, func(m *message) bool { return n.hold(m, now) })
	for len(messages) > 0 {
		var next []*message
		next, messages = nextPost(messages, now)
		n.send(ctx, next, now)
	}
	failpoint.Hit("notifier/sent")
	var errs []error
	for _, p := range pendings {
		errs = append(errs, p.settle(ctx))
	}
	return errors.Join(errs...)
}

// message is a notification with the events that it reports: several if one batch contains
// the same failure more than once.
type message struct {
	Notification
	sources []*pending
	ids     []string // event IDs; ids[i] belongs to sources[i]
}

// notifications returns the notification for an event, once for each channel. What any
// channel receives, the copies receive too.
func (n *Notifier) notifications(ctx context.Context, d Delivery) ([]Notification, error) {
	one, channels, err := decode(d.Event(), n.Alerts)
	if err != nil || one == nil {
		return nil, err
	}
	channels, err = n.observe(ctx, one, channels, d.Deliveries())
	if err != nil {
		return nil, err
	}
	if len(channels) == 0 {
		return nil, nil
	}
	if one.Recovered > 0 {
		n.endGroups(*one)
	}
	return one.to(union(route(n.Routes, *one, channels), n.Copies)), nil
}

// collect adds the notifications of an event, except those that were delivered before.
func (n *Notifier) collect(ctx context.Context, messages []*message, p *pending) []*message {
	m := p.delivery.Event()
	list, err := n.notifications(ctx, p.delivery)
	if errors.Is(err, errStateUnavailable) {
		p.retryAfter(nextDelay(p.delivery.Deliveries()))
		return messages
	}
	if errors.Is(err, events.ErrVersion) {
		n.Logger.Debug().Err(err).Str("subject", m.Subject).Uint64("sequence", m.Sequence).Msg("event of an unknown version ignored")
		return messages
	}
	if err != nil {
		n.Logger.Error().Err(err).Str("subject", m.Subject).Uint64("sequence", m.Sequence).
			Msg("event cannot be decoded, moved to the dead-letter stream without a notification")
		p.undecodable = rejectionFor(err)
		return messages
	}
	for _, one := range list {
		if n.delivered.has(one.EventID, one.To) {
			continue
		}
		same := slices.IndexFunc(messages, func(m *message) bool {
			return n.dedupKey(m.Notification) != "" && n.dedupKey(m.Notification) == n.dedupKey(one)
		})
		if same < 0 {
			messages = append(messages, &message{Notification: one, sources: []*pending{p}, ids: []string{one.EventID}})
			continue
		}
		messages[same].merge(one, p)
	}
	return messages
}

// dedupKey returns the key by which a notification is grouped, "" if it is not: without a window,
// and where the message of its incident is edited.
func (n *Notifier) dedupKey(one Notification) string {
	editor, ok := n.Sender.(Editor)
	if n.Window == 0 || ok && one.Incident.Key != "" && editor.Edits(one.To) {
		return ""
	}
	return one.DedupKey()
}

// merge adds a repetition to the message. The message takes its details from the newer one.
func (m *message) merge(repeat Notification, p *pending) {
	times, since := max(1, m.Times)+1, m.Since
	if since.IsZero() {
		since = m.At
	}
	m.Notification, m.sources, m.ids = repeat, append(m.sources, p), append(m.ids, repeat.EventID)
	m.Times, m.Since = times, since
}

// nextPost splits off what is posted next: the first message alone, or all messages to its
// channel if there are many or if one is late. After an outage one digest is enough.
func nextPost(messages []*message, now time.Time) (next, rest []*message) {
	to := messages[0].To
	hasLate := false
	for _, m := range messages {
		if m.To != to {
			rest = append(rest, m)
			continue
		}
		next = append(next, m)
		hasLate = hasLate || now.Sub(m.At) > LateAfter
	}
	if len(next) > maxMessages || hasLate {
		return next, rest
	}
	return messages[:1], messages[1:]
}

// send posts one message and records the result for each of its events.
func (n *Notifier) send(ctx context.Context, messages []*message, now time.Time) {
	list := make([]Notification, len(messages))
	for i, m := range messages {
		list[i] = m.Notification
	}
	err := n.Sender.Send(withTrace(ctx, messages), list)
	failure, _ := errors.AsType[*Error](err)
	isPermanent := failure != nil && failure.Permanent
	if err != nil {
		n.logFailure(list, err, isPermanent)
	}
	for _, m := range messages {
		switch {
		case err == nil:
			n.OnResult(m.To, Sent)
			n.markDelivered(m)
			n.groups.open(n.dedupKey(m.Notification), m.Notification, now)
		case isPermanent:
			n.OnResult(m.To, GivenUp)
			n.markDelivered(m) // no further attempt, even if another channel needs a redelivery
			for _, p := range m.sources {
				p.giveUp(err.Error())
			}
		default:
			n.OnResult(m.To, Delayed)
			for _, p := range m.sources {
				p.retryAfter(retryDelay(failure, p.delivery.Deliveries()))
			}
		}
	}
}

func (n *Notifier) markDelivered(m *message) {
	for _, id := range m.ids {
		n.delivered.add(id, m.To)
	}
}

func (n *Notifier) logFailure(list []Notification, err error, isPermanent bool) {
	level, text := zerolog.WarnLevel, "notification failed, retrying"
	if isPermanent {
		level, text = zerolog.ErrorLevel, "notification failed permanently, giving up"
	}
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = one.EventID
	}
	n.Logger.WithLevel(level).Err(err).Strs("event_ids", ids).Msg(text)
}
