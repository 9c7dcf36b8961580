package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
)

// Delivery is one event as the stream delivers it. It is settled exactly once.
type Delivery interface {
	Event() events.Message
	Deliveries() uint64 // counts this one
	// Context returns ctx with the span of the delivery, if there is one.
	Context(ctx context.Context) context.Context
	Ack(ctx context.Context) error
	Retry(delay time.Duration) error
	Term(reason string) error
	// DeadLetter moves the event to the dead-letter stream and ends its delivery.
	DeadLetter(ctx context.Context, why events.Rejection) error
}

// pending is an event that is not settled yet, with what its notifications led to. The zero
// outcome acknowledges the event.
type pending struct {
	delivery    Delivery
	undecodable *events.Rejection // the event is dead-lettered
	retry       bool
	delay       time.Duration // if retry
	giveUpWhy   string        // the event is terminated, unless retry
}

// retryAfter asks for a redelivery. The shortest delay of all notifications applies.
func (p *pending) retryAfter(delay time.Duration) {
	if !p.retry || delay < p.delay {
		p.retry, p.delay = true, delay
	}
}

func (p *pending) giveUp(why string) { p.giveUpWhy = why }

// rejectionFor returns the reason that the dead-letter stream keeps with an event that
// cannot be decoded.
func rejectionFor(err error) *events.Rejection {
	if why, ok := errors.AsType[*events.Rejection](err); ok {
		return why
	}
	return events.Reject(events.CodeInvalidData, events.FieldError{Got: err.Error(), Want: "an event that can be decoded"})
}

func (p *pending) settle(ctx context.Context) error {
	var err error
	switch {
	case p.undecodable != nil:
		err = p.delivery.DeadLetter(ctx, *p.undecodable)
	case p.retry:
		err = p.delivery.Retry(p.delay)
	case p.giveUpWhy != "":
		err = p.delivery.Term(p.giveUpWhy)
	default:
		err = p.delivery.Ack(ctx)
	}
	if err != nil {
		return fmt.Errorf("settle event: %w", err)
	}
	return nil
}
