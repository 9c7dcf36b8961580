package stream

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"

	"github.com/lazi/lazisync/events"
)

// settleTimeout bounds what Retry does on its own behalf.
const settleTimeout = 5 * time.Second

// Message is one delivery. It is settled by exactly one of Ack, Retry and Term.
type Message struct {
	conn       *Conn
	reply      string
	event      events.Message
	deliveries uint64
	settled    atomic.Bool
}

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

// Event is the message as it came.
func (m *Message) Event() events.Message { return m.event }

// Deliveries counts how often the message was handed out, this time included.
func (m *Message) Deliveries() uint64 { return m.deliveries }

// isBodiless reports whether the server left the body out.
func (m *Message) isBodiless() bool {
	size := m.event.Header[nats.MsgSize]
	return len(m.event.Data) == 0 && len(size) > 0 && size[0] != "0"
}

// Ack says that the message is done with and waits until the server knows. An
// error means that the message will come again.
func (m *Message) Ack(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	if _, err := m.conn.nc.RequestWithContext(ctx, m.reply, []byte("+ACK")); err != nil {
		return m.settleError("acknowledge", err)
	}
	m.settled.Store(true)
	return nil
}

// Retry gives the message back for later; without a delay of its own, after
// RetryDelay. What has come for the last time is parked; JetStream then tells that it
// gave up on the message, see Lost.
func (m *Message) Retry(delay time.Duration) error {
	if m.deliveries >= maxDeliver && m.event.Stream != StreamAdvisories {
		if err := m.parkLast(); err != nil {
			return err
		}
	}
	if delay <= 0 {
		delay = RetryDelay(m.deliveries)
	}
	return m.settle("give back", fmt.Sprintf("-NAK {\"delay\": %d}", delay.Nanoseconds()))
}

// Term says that the message must never come again.
func (m *Message) Term(reason string) error {
	return m.settle("end", "+TERM "+oneLine(reason))
}

// Park keeps the message on the dead-letter stream and ends its delivery. An error
// means that the message is redelivered.
func (m *Message) Park(ctx context.Context, why events.Rejection) error {
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	if _, _, err := m.conn.DeadLetter(ctx, m.event, why, m.deliveries); err != nil {
		return err
	}
	return m.Term(why.Reason)
}

// InProgress asks for more time. ConsumeBatches does so by itself while its handler runs.
func (m *Message) InProgress() error {
	if err := m.conn.nc.Publish(m.reply, []byte("+WPI")); err != nil {
		return m.settleError("keep", err)
	}
	return nil
}

func (m *Message) parkLast() error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	reason := fmt.Sprintf("given up after %d deliveries", m.deliveries)
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

// oneLine makes a text fit for a header or an ack.
func oneLine(text string) string {
	const limit = 1024
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
