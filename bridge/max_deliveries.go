package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
)

// HandleMaxDeliveries processes a message that exceeded the maximum number of deliveries of
// its consumer, which no longer delivers it. Its handler crashed or failed every time, or no
// delivery arrived. Settling m settles the advisory about the message.
//
// A command in the ledger is processed like any other delivery. Any other message goes to
// the dead-letter stream, and is rejected if it is a command.
func (b *Bridge) HandleMaxDeliveries(ctx context.Context, m Message) error {
	message := m.Event()
	b.Logger.Warn().Str("stream", message.Stream).Uint64("sequence", message.Sequence).Str("subject", message.Subject).
		Uint64("deliveries", m.Deliveries()).Msg("max deliveries exceeded")
	switch message.Subject {
	case events.Requested.Subject:
		event, request, err := b.decodeRequest(b.validator(), message)
		return b.handleExhausted(ctx, m, exhaustedCommand{
			kind: events.KindRequest, event: event, decodeErr: err,
			isRecorded: func() (bool, error) {
				found, err := b.Ledger.FindRequests(ctx, request.ID)
				return len(found) == 1 && found[0].ID == request.ID, err
			},
			handle: func() error { return b.HandleRequests(ctx, []Message{m}) },
		})
	case events.Control.Subject:
		event, control, err := b.decodeControl(message)
		return b.handleExhausted(ctx, m, exhaustedCommand{
			kind: events.KindControl, event: event, decodeErr: err,
			isRecorded: func() (bool, error) { return b.Ledger.HasControl(ctx, control.ID) },
			handle:     func() error { return b.HandleControl(ctx, m) },
		})
	}
	if _, _, err := b.Publisher.DeadLetter(ctx, message, *exhausted(m), m.Deliveries()); err != nil {
		return b.retry(m, deadLetterError(message, err))
	}
	return acknowledge(ctx, m)
}

// exhaustedCommand is a command that exceeded its maximum number of deliveries.
type exhaustedCommand struct {
	kind       events.Kind
	event      events.Event
	decodeErr  error
	isRecorded func() (bool, error) // reports whether the ledger has the command
	handle     func() error         // handles it as a delivery
}

func (b *Bridge) handleExhausted(ctx context.Context, m Message, c exhaustedCommand) error {
	rejection := exhausted(m)
	if errors.As(c.decodeErr, &rejection) {
		return b.reject(ctx, m, c.kind, c.event, rejection)
	}
	recorded, err := c.isRecorded()
	if err = errors.Join(c.decodeErr, err); err != nil {
		return b.retry(m, fmt.Errorf("look up %s in the ledger: %w", place(m.Event()), err))
	}
	if recorded {
		return c.handle()
	}
	return b.reject(ctx, m, c.kind, c.event, rejection)
}

func exhausted(m Message) *events.Rejection {
	return events.Reject(events.CodeExpired, events.FieldError{
		Got:  fmt.Sprintf("%d deliveries without an acknowledgement", m.Deliveries()),
		Want: "an acknowledged delivery; replay the dead letter, or publish the command again",
	})
}
