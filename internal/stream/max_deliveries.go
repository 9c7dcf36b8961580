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

// Lost is a message that JetStream gave up on: it was delivered as often as its
// consumer allows and nobody settled it. To settle it is to settle the advisory that
// tells of it.
type Exhausted struct {
	*Message // the advisory

	original   events.Message
	deliveries uint64
}

// Event is the message that was given up, as it lies in its stream.
func (l *Exhausted) Event() events.Message { return l.original }

// Deliveries counts how often that message was handed out.
func (l *Exhausted) Deliveries() uint64 { return l.deliveries }

// Retry has the advisory delivered again, at its own pace whatever the delay: the
// message's would be that of its thousandth delivery.
func (l *Exhausted) Retry(time.Duration) error { return l.Message.Retry(0) }

// advisory is what JetStream publishes, with no more of the message than its place.
// https://docs.nats.io/running-a-nats-service/nats_admin/monitoring/monitoring_jetstream
type advisory struct {
	Stream     string `json:"stream"`
	Consumer   string `json:"consumer"`
	Sequence   uint64 `json:"stream_seq"`
	Deliveries uint64 `json:"deliveries"`
}

// Lost reads a batch of ConsumerMaxDeliveries and calls fn for each message it tells of. What
// tells of nothing, or of a message that its stream does not hold any more, is logged
// and ended.
func (c *Conn) ForEachExhausted(ctx context.Context, batch []*Message, fn func(*Exhausted) error) error {
	var errs []error
	for _, m := range batch {
		lost, err := c.lost(ctx, m)
		var nothing *nothingLost
		switch {
		case errors.As(err, &nothing):
			c.log.Error().Str("stream", m.event.Stream).Uint64("sequence", m.event.Sequence).Msg(err.Error())
			err = m.Term(err.Error())
		case err != nil:
			err = errors.Join(err, m.Retry(0))
		default:
			err = fn(lost)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// nothingLost says that there is nothing to be done about an advisory.
type nothingLost struct{ why string }

func (n *nothingLost) Error() string { return n.why }

func (c *Conn) lost(ctx context.Context, m *Message) (*Exhausted, error) {
	var told advisory
	err := json.Unmarshal(m.event.Data, &told)
	if stream, declared := streamOfConsumer(told.Consumer); err != nil || !declared || stream != told.Stream {
		return nil, &nothingLost{fmt.Sprintf("advisory %d tells of no message of ours", m.event.Sequence)}
	}
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	stream, err := c.reader(ctx, told.Stream)
	if err != nil {
		return nil, err
	}
	raw, err := stream.GetMsg(ctx, told.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, &nothingLost{fmt.Sprintf("message %d of %s was never settled in %d deliveries and is gone", told.Sequence, told.Stream, told.Deliveries)}
	}
	if err != nil {
		return nil, fmt.Errorf("read message %d of %s, which was never settled: %w", told.Sequence, told.Stream, err)
	}
	original := events.Message{
		Subject: raw.Subject, Header: raw.Header, Data: raw.Data, Stream: told.Stream, Sequence: raw.Sequence, Stored: raw.Time,
	}
	return &Exhausted{Message: m, original: original, deliveries: told.Deliveries}, nil
}
