package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// Exhausted is a message that exceeded the maximum number of deliveries of its consumer.
// Settling it settles the advisory that reports it.
type Exhausted struct {
	*Message // the advisory

	original   events.Message
	deliveries uint64
}

// Event returns the message as its stream stores it.
func (e *Exhausted) Event() events.Message { return e.original }

// Deliveries returns how often the message was delivered.
func (e *Exhausted) Deliveries() uint64 { return e.deliveries }

// Retry redelivers the advisory. It ignores the delay, which derives from the deliveries of
// the message, and uses the backoff of the advisory.
func (e *Exhausted) Retry(time.Duration) error { return e.Message.Retry(0) }

// advisory is the message that JetStream publishes. It names the message, without its content.
// https://docs.nats.io/running-a-nats-service/nats_admin/monitoring/monitoring_jetstream
type advisory struct {
	Stream     string `json:"stream"`
	Consumer   string `json:"consumer"`
	Sequence   uint64 `json:"stream_seq"`
	Deliveries uint64 `json:"deliveries"`
}

// ForEachExhausted calls fn for the message of each advisory in a batch of
// ConsumerMaxDeliveries. An advisory that names no message of lazisync, or one that its stream
// no longer has, is logged and terminated.
func (c *Conn) ForEachExhausted(ctx context.Context, batch []*Message, fn func(*Exhausted) error) error {
	var errs []error
	for _, m := range batch {
		exhausted, err := c.exhausted(ctx, m)
		var stale *staleAdvisory
		switch {
		case errors.As(err, &stale):
			c.log.Error().Str("stream", m.event.Stream).Uint64("sequence", m.event.Sequence).Msg(err.Error())
			err = m.Term(err.Error())
		case err != nil:
			err = errors.Join(err, m.Retry(0))
		default:
			err = fn(exhausted)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// staleAdvisory is an advisory without a message.
type staleAdvisory struct{ reason string }

func (s *staleAdvisory) Error() string { return s.reason }

// exhausted returns the message that an advisory reports.
func (c *Conn) exhausted(ctx context.Context, m *Message) (*Exhausted, error) {
	var a advisory
	err := json.Unmarshal(m.event.Data, &a)
	if stream, _, unknown := findConsumer(a.Consumer); err != nil || unknown != nil || stream != a.Stream {
		return nil, &staleAdvisory{fmt.Sprintf("advisory %d names no message of lazisync", m.event.Sequence)}
	}
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	stream, err := c.reader(ctx, a.Stream)
	if err != nil {
		return nil, err
	}
	raw, err := stream.GetMsg(ctx, a.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, &staleAdvisory{fmt.Sprintf("message %d of %s was not acknowledged in %d deliveries and no longer exists", a.Sequence, a.Stream, a.Deliveries)}
	}
	if err != nil {
		return nil, fmt.Errorf("read message %d of %s, which exceeded its max deliveries: %w", a.Sequence, a.Stream, err)
	}
	original := events.Message{
		Subject: raw.Subject, Header: raw.Header, Data: raw.Data, Stream: a.Stream, Sequence: raw.Sequence, Stored: raw.Time,
	}
	return &Exhausted{Message: m, original: original, deliveries: a.Deliveries}, nil
}
