package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
)

// HandleMaxDeliveries deals with a message that was delivered as often as its consumer allows
// and that nobody settled: whoever had it died or could not work every time, or it
// never came through. JetStream hides it from now on. Settling m settles the news of it.
//
// What the ledger holds goes on where that stands, as after any other delivery. All
// else is parked with its bytes, and rejected where it is a command.
func (b *Bridge) HandleMaxDeliveries(ctx context.Context, m Message) error {
	what := m.Event()
	b.Logger.Warn().Str("stream", what.Stream).Uint64("sequence", what.Sequence).Str("subject", what.Subject).
		Uint64("deliveries", m.Deliveries()).Msg("a message was never settled")
	switch what.Subject {
	case events.Requested.Subject:
		event, request, err := b.request(what)
		return b.lostCommand(ctx, m, lostCommand{events.KindRequest, event, err}, func() (bool, error) {
			found, err := b.Ledger.FindRequests(ctx, request.ID)
			return len(found) == 1 && found[0].ID == request.ID, err
		}, func() error { return b.HandleRequests(ctx, []Message{m}) })
	case events.Control.Subject:
		event, control, err := b.control(what)
		return b.lostCommand(ctx, m, lostCommand{events.KindControl, event, err}, func() (bool, error) {
			return b.Ledger.HasControl(ctx, control.ID)
		}, func() error { return b.HandleControl(ctx, m) })
	}
	if _, _, err := b.Publisher.DeadLetter(ctx, what, *neverSettled(m), m.Deliveries()); err != nil {
		return b.retry(m, fmt.Errorf("park %s %d on the dead letter stream: %w", what.Stream, what.Sequence, err))
	}
	return acknowledge(ctx, m)
}

// lostCommand is what could be read of one.
type lostCommand struct {
	kind  events.Kind
	event events.Event
	err   error // why it could not be read
}

func (b *Bridge) lostCommand(ctx context.Context, m Message, c lostCommand, known func() (bool, error), goOn func() error) error {
	why := neverSettled(m)
	if errors.As(c.err, &why) {
		return b.reject(ctx, m, c.kind, c.event, why)
	}
	held, err := known()
	if err = errors.Join(c.err, err); err != nil {
		return b.retry(m, fmt.Errorf("look up what became of %s %d: %w", m.Event().Stream, m.Event().Sequence, err))
	}
	if held {
		return goOn()
	}
	return b.reject(ctx, m, c.kind, c.event, why)
}

func neverSettled(m Message) *events.Rejection {
	return events.Reject(events.CodeExpired, events.FieldError{
		Got: fmt.Sprintf("%d deliveries that nobody finished", m.Deliveries()), Want: "one that is; replay it, or publish it again",
	})
}
