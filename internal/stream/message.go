package stream

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/failpoint"
)

// settleTimeout bounds the dead-lettering of a last delivery.
const settleTimeout = 5 * time.Second

// Message is one delivery. It is settled by one of Ack, Retry, Term and DeadLetter, which must not
// be called at the same time.
type Message struct {
	conn       *Conn
	reply      string
	event      events.Message
	deliveries uint64
	settled    atomic.Bool
	span       trace.Span // of the delivery, nil without traces
}

// delivery returns the Message of a delivered NATS message. It fails for one without metadata.
func (c *Conn) delivery(m *nats.Msg) (*Message, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read metadata of a message on %s: %w", m.Subject, err)
	}
	return &Message{
		conn:  c,
		reply: m.Reply,
		event: events.Message{
			Subject: m.Subject, Header: m.Header, Data: m.Data,
			Stream: meta.Stream, Sequence: meta.Sequence.Stream, Stored: meta.Timestamp,
		},
		deliveries: meta.NumDelivered,
	}, nil
}

// Event returns the message as received.
func (m *Message) Event() events.Message { return m.event }

// Deliveries returns how often the message was delivered, including this delivery.
func (m *Message) Deliveries() uint64 { return m.deliveries }

// isBodiless reports whether the server omitted the body.
func (m *Message) isBodiless() bool {
	size := m.event.Header[nats.MsgSize]
	return len(m.event.Data) == 0 && len(size) > 0 && size[0] != "0"
}

// Ack acknowledges the message and waits for the confirmation of the server. After an error the
// message may be redelivered.
func (m *Message) Ack(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	_, err := m.conn.nc.RequestWithContext(ctx, m.reply, []byte("+ACK"))
	if err = cmp.Or(err, failpoint.Error("nats/acknowledged", nats.ErrTimeout)); err != nil {
		return m.settleError("acknowledge", err)
	}
	m.settled.Store(true)
	m.endSpan("ack")
	return nil
}

// Retry requests a redelivery after the delay, or after RetryDelay if the delay is 0. The last
// delivery is written to the dead-letter stream first; JetStream then publishes an advisory,
// see Exhausted.
func (m *Message) Retry(delay time.Duration) error {
	defer m.endSpan("nak")
	if m.deliveries >= maxDeliver && m.event.Stream != StreamAdvisories {
		if err := m.deadLetterExhausted(); err != nil {
			return err
		}
	}
	if delay <= 0 {
		delay = RetryDelay(m.deliveries)
	}
	return m.settle("nak", fmt.Sprintf("-NAK {\"delay\": %d}", delay.Nanoseconds()))
}

// Term ends the delivery: the message is never redelivered.
func (m *Message) Term(reason string) error {
	defer m.endSpan("term")
	return m.settle("terminate", "+TERM "+oneLine(reason))
}

// DeadLetter writes the message to the dead-letter stream and ends its delivery. After an error the
// message is redelivered.
func (m *Message) DeadLetter(ctx context.Context, why events.Rejection) error {
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	if _, _, err := m.conn.DeadLetter(ctx, m.event, why, m.deliveries); err != nil {
		return err
	}
	return m.Term(why.Reason)
}

// InProgress extends the ack wait. ConsumeBatches calls it while its handler runs.
func (m *Message) InProgress() error {
	if err := m.conn.nc.Publish(m.reply, []byte("+WPI")); err != nil {
		return m.settleError("extend the ack wait of", err)
	}
	return nil
}

func (m *Message) deadLetterExhausted() error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	reason := fmt.Sprintf("not acknowledged after %d deliveries", m.deliveries)
	_, _, err := m.conn.DeadLetter(ctx, m.event, events.Rejection{Code: events.CodeExpired, Reason: reason}, m.deliveries)
	return err
}

func (m *Message) settle(verb, body string) error {
	if err := m.conn.nc.Publish(m.reply, []byte(body)); err != nil {
		return m.settleError(verb, err)
	}
	m.settled.Store(true)
	return nil
}

func (m *Message) settleError(verb string, err error) error {
	return fmt.Errorf("%s message %d of %s: %w", verb, m.event.Sequence, m.event.Stream, publishError(err))
}

func withDeadline(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// oneLine makes a text valid for a header or an acknowledgement: one line of at most 1 KiB.
func oneLine(text string) string {
	const limit = 1024
	return display.Truncate(display.OneLine(strings.ToValidUTF8(text, "\uFFFD")), limit)
}
