package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// History calls fn for each stored event with one of the subjects since a time, oldest first, until
// fn returns false, limit events were read or the last one that is stored now was read.
func (c *Conn) History(ctx context.Context, subjects []string, since time.Time, limit int, fn func(events.Message) bool) error {
	config := jetstream.OrderedConsumerConfig{FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}
	return c.readStored(ctx, StreamEvents, config, uint64(limit), fn)
}

// readStored calls fn for messages that a stream has now, oldest first, until fn returns false or limit
// messages were read.
func (c *Conn) readStored(ctx context.Context, name string, config jetstream.OrderedConsumerConfig, limit uint64, fn func(events.Message) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return lookupError("stream "+name, err)
	}
	last := stream.CachedInfo().State.LastSeq
	config.InactiveThreshold = time.Minute
	consumer, err := stream.OrderedConsumer(ctx, config)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, c.withRemedy(err))
	}
	if limit == 0 || consumer.CachedInfo().NumPending == 0 {
		return nil
	}
	batch := followBatch
	if most := consumer.CachedInfo().Config.MaxRequestBatch; most > 0 {
		batch = min(batch, most)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(batch), jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(2*time.Second))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	defer messages.Stop()
	context.AfterFunc(ctx, messages.Stop)
	for read := uint64(1); ; read++ {
		m, meta, err := nextStored(ctx, messages)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		wantsMore := fn(events.Message{
			Subject: m.Subject(), Header: m.Headers(), Data: m.Data(), Stream: meta.Stream, Sequence: meta.Sequence.Stream, Stored: meta.Timestamp,
		})
		// The number of messages is not known: the stream removes old ones meanwhile.
		if !wantsMore || read == limit || meta.NumPending == 0 || meta.Sequence.Stream >= last {
			return nil
		}
	}
}

func nextStored(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	m, err := messages.Next()
	if errors.Is(err, jetstream.ErrMsgIteratorClosed) && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, nil, err
	}
	meta, err := m.Metadata()
	return m, meta, err
}
