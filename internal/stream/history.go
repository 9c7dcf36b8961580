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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.js.Stream(ctx, StreamEvents)
	if err != nil {
		return lookupError("stream "+StreamEvents, err)
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("read stream %s: %w", StreamEvents, c.withRemedy(err))
	}
	left := min(uint64(limit), consumer.CachedInfo().NumPending)
	if left == 0 {
		return nil
	}
	batch := followBatch
	if most := consumer.CachedInfo().Config.MaxRequestBatch; most > 0 {
		batch = min(batch, most)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(batch), jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(2*time.Second))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", StreamEvents, err)
	}
	defer messages.Stop()
	context.AfterFunc(ctx, messages.Stop)
	for ; left > 0; left-- {
		m, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read stream %s: %w", StreamEvents, err)
		}
		if !fn(events.Message{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()}) {
			return nil
		}
	}
	return nil
}
