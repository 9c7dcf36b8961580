package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// From says where to begin to follow. The zero value means: with what comes next.
type From struct {
	Time  time.Time         // with what was stored since
	After map[string]uint64 // by stream: with what follows this sequence; goes before Time
}

// Subscribe follows events until ctx is done. When it returns, it has begun:
// nothing stored from now on is missed, a lost connection included. fn is called
// for one message after another, those of one stream in order.
func (c *Conn) Subscribe(ctx context.Context, subjects []string, from From, fn func(events.Message)) error {
	byStream := map[string][]string{}
	for _, subject := range subjects {
		stream, ok := streamOf(subject)
		if !ok {
			return fmt.Errorf("subscribe to %q: no declared stream carries it", subject)
		}
		if !slices.Contains(byStream[stream], subject) {
			byStream[stream] = append(byStream[stream], subject)
		}
	}
	following, stop := context.WithCancel(ctx)
	var one sync.Mutex
	serial := func(m events.Message) {
		one.Lock()
		defer one.Unlock()
		if following.Err() == nil {
			fn(m)
		}
	}
	for stream, filter := range byStream {
		if err := c.follow(following, stream, filter, from, serial); err != nil {
			stop()
			return err
		}
	}
	context.AfterFunc(ctx, stop)
	return nil
}

// follow uses an ordered consumer, which begins anew where it stood when it is
// lost or misses something.
func (c *Conn) follow(ctx context.Context, stream string, filter []string, from From, fn func(events.Message)) error {
	found, err := c.js.Stream(ctx, stream)
	if err != nil {
		return lookupError("stream "+stream, err)
	}
	config := jetstream.OrderedConsumerConfig{FilterSubjects: filter, InactiveThreshold: time.Minute}
	last := found.CachedInfo().State.LastSeq
	after, resumed := from.After[stream]
	switch {
	case resumed: // a sequence the stream has not reached is of an earlier stream
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, min(after, last)+1
	case !from.Time.IsZero():
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &from.Time
	default: // by sequence, so that a consumer lost before its first message begins at the same place
		config.DeliverPolicy = jetstream.DeliverByStartSequencePolicy
		config.OptStartSeq = last + 1
	}
	consumer, err := found.OrderedConsumer(ctx, config)
	if err != nil {
		return fmt.Errorf("follow stream %s: %w", stream, err)
	}
	consuming, err := consumer.Consume(
		func(m jetstream.Msg) { c.followed(m, fn) },
		jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(2*time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if c.quiet.allow("follow " + stream + err.Error()) {
				c.log.Warn().Err(err).Str("stream", stream).Msg("following events is interrupted")
			}
		}))
	if err != nil {
		return fmt.Errorf("follow stream %s: %w", stream, err)
	}
	context.AfterFunc(ctx, consuming.Stop)
	return nil
}

func (c *Conn) followed(m jetstream.Msg, fn func(events.Message)) {
	meta, err := m.Metadata()
	if err != nil {
		c.log.Error().Err(err).Str("nats_subject", m.Subject()).Msg("unreadable delivery")
		return
	}
	fn(events.Message{
		Subject: m.Subject(), Header: m.Headers(), Data: m.Data(),
		Stream: meta.Stream, Sequence: meta.Sequence.Stream, Stored: meta.Timestamp,
	})
}
