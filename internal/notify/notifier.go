package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Park keeps the event on the dead-letter stream and ends its delivery.
	Park(ctx context.Context, why events.Rejection) error
}

// What became of a notification, as Options.Observed hears of it.
const (
	Sent    = "sent"
	Folded  = "folded"   // said already; the next message tells how often
	Delayed = "delayed"  // tried in vain, will be tried again
	GivenUp = "given_up" // can never be sent
)

// Results are all of them.
var Results = []string{Sent, Folded, Delayed, GivenUp}

// Options are what a Notifier needs.
type Options struct {
	Sender Sender
	Alerts string        // the Slack channel that hears of rejected commands
	Window time.Duration // how long identical failures are folded into one message; 0 for never
	Logger zerolog.Logger

	Observed func(what string) // hears what became of each notification; may be nil
	Now      func() time.Time  // the clock, time.Now when nil
}

// Notifier tells people about outcomes and rejected commands: each at least once, as a
// rule exactly once.
type Notifier struct {
	Options
	told  memory
	folds folds
}

// New makes a Notifier.
func New(o Options) *Notifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observed == nil {
		o.Observed = func(string) {}
	}
	return &Notifier{Options: o, folds: folds{}}
}

const (
	late = time.Hour // after which news is told as such
	most = 5         // messages to one channel at once; more are told as a digest
)

// Handle tells everyone whom a batch of events names, and settles each event. The error
// says that settling failed; what went wrong with telling is logged.
func (n *Notifier) Handle(ctx context.Context, batch []Delivery) error {
	pending := make([]*pending, len(batch))
	var letters []*letter
	for i, d := range batch {
		pending[i] = newPending(d)
		letters = n.collect(letters, pending[i])
	}
	now := n.Now()
	n.folds.prune(now, n.Window)
	letters = slices.DeleteFunc(letters, func(l *letter) bool { return n.fold(l, now) })
	for len(letters) > 0 {
		var next []*letter
		next, letters = take(letters, now)
		n.send(ctx, next, now)
	}
	failpoint.Hit("notifier/told")
	var errs []error
	for _, p := range pending {
		errs = append(errs, p.settle(ctx))
	}
	return errors.Join(errs...)
}

// letter is a notification with the events that ask for it: several where one batch
// holds the same failure more than once.
type letter struct {
	Notification
	from []*pending
	ids  []string
}

// collect adds what an event asks for and was not told before.
func (n *Notifier) collect(letters []*letter, p *pending) []*letter {
	m := p.delivery.Event()
	list, err := read(m, n.Alerts)
	if errors.Is(err, events.ErrVersion) {
		n.Logger.Debug().Err(err).Str("subject", m.Subject).Uint64("sequence", m.Sequence).Msg("event ignored")
		return letters
	}
	if err != nil {
		n.Logger.Error().Err(err).Str("subject", m.Subject).Uint64("sequence", m.Sequence).
			Msg("event cannot be decoded, no notification sent; it is kept on the dead-letter stream")
		p.unreadable = unreadable(err)
		return letters
	}
	for _, news := range list {
		if n.told.has(news.EventID, news.To) {
			continue
		}
		same := slices.IndexFunc(letters, func(l *letter) bool {
			return n.Window > 0 && l.likeness() != "" && l.likeness() == news.likeness()
		})
		if same < 0 {
			letters = append(letters, &letter{Notification: news, from: []*pending{p}, ids: []string{news.EventID}})
			continue
		}
		letters[same].join(news, p)
	}
	return letters
}

// join makes one letter of two that say the same. The details are the newer ones.
func (l *letter) join(news Notification, p *pending) {
	times, since := max(1, l.Times)+1, l.Since
	if since.IsZero() {
		since = l.At
	}
	l.Notification, l.from, l.ids = news, append(l.from, p), append(l.ids, news.EventID)
	l.Times, l.Since = times, since
}

// take splits off what goes into the next message: the first letter alone, or all to the
// same channel when they are many, or late. After an outage one digest is enough.
func take(letters []*letter, now time.Time) (next, rest []*letter) {
	to := letters[0].To
	old := false
	for _, l := range letters {
		if l.To != to {
			rest = append(rest, l)
			continue
		}
		next = append(next, l)
		old = old || now.Sub(l.At) > late
	}
	if len(next) > most || old {
		return next, rest
	}
	return letters[:1], letters[1:]
}

// send sends one message and notes for each event what became of it.
func (n *Notifier) send(ctx context.Context, letters []*letter, now time.Time) {
	list := make([]Notification, len(letters))
	for i, l := range letters {
		list[i] = l.Notification
	}
	err := n.Sender.Send(ctx, list)
	if err != nil {
		n.log(list, err)
	}
	failure, known := asError(err)
	for _, l := range letters {
		switch {
		case err == nil:
			n.Observed(Sent)
			n.remember(l)
			if n.Window > 0 {
				n.folds.told(l.Notification, now)
			}
		case known && failure.Permanent:
			n.Observed(GivenUp)
			n.remember(l) // never again, also when another channel asks for a retry
			for _, p := range l.from {
				p.never(err.Error())
			}
		default:
			n.Observed(Delayed)
			for _, p := range l.from {
				p.later(retryDelay(failure, p.delivery.Deliveries()))
			}
		}
	}
}

func (n *Notifier) remember(l *letter) {
	for _, id := range l.ids {
		n.told.add(id, l.To)
	}
}

func (n *Notifier) log(list []Notification, err error) {
	level, what := zerolog.WarnLevel, "not told yet, will try again"
	if failure, ok := asError(err); ok && failure.Permanent {
		level, what = zerolog.ErrorLevel, "could not be told, giving up"
	}
	ids := make([]string, len(list))
	for i, l := range list {
		ids[i] = l.EventID
	}
	n.Logger.WithLevel(level).Err(err).Strs("event_ids", ids).Msg(what)
}

func asError(err error) (*Error, bool) {
	var failure *Error
	ok := errors.As(err, &failure)
	return failure, ok
}

// retryDelay is what the channel asks for, else one second doubled with each delivery,
// at most five minutes.
func retryDelay(failure *Error, deliveries uint64) time.Duration {
	if failure != nil && failure.After > 0 {
		return failure.After
	}
	return backoff(deliveries)
}

func backoff(attempts uint64) time.Duration {
	const longest = 5 * time.Minute
	if attempts > 9 {
		return longest
	}
	return min(longest, time.Second<<max(0, int(attempts)-1))
}

// pending is an event while it is not decided how to settle it.
type pending struct {
	delivery Delivery
	again    bool
	delay    time.Duration // if again
	refusal  string        // why it can never be told, if not again

	unreadable *events.Rejection // why it cannot be decoded
}

func newPending(d Delivery) *pending { return &pending{delivery: d} }

// later has the event come again, for the most impatient of those who wait for it.
func (p *pending) later(delay time.Duration) {
	if !p.again || delay < p.delay {
		p.again, p.delay = true, delay
	}
}

// unreadable says why an event cannot be decoded, as the dead-letter stream keeps it.
func unreadable(err error) *events.Rejection {
	var why *events.Rejection
	if errors.As(err, &why) {
		return why
	}
	return events.Reject(events.CodeInvalidData, events.FieldError{Got: err.Error(), Want: "an event that can be decoded"})
}

func (p *pending) never(why string) { p.refusal = why }

func (p *pending) settle(ctx context.Context) error {
	var err error
	switch {
	case p.unreadable != nil:
		err = p.delivery.Park(ctx, *p.unreadable)
	case p.again:
		err = p.delivery.Retry(p.delay)
	case p.refusal != "":
		err = p.delivery.Term(p.refusal)
	default:
		err = p.delivery.Ack(ctx)
	}
	if err != nil {
		return fmt.Errorf("settle event: %w", err)
	}
	return nil
}
