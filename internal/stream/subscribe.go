package stream

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/backoff"
)

// followBatch is how many messages are requested from the server at once.
const followBatch = 500

// StartPosition says where a subscription starts. The zero value starts with new messages.
type StartPosition struct {
	Time  time.Time         // with messages stored since
	After map[string]uint64 // by stream: with messages after this sequence; takes precedence over Time
}

// Subscribe calls fn for events until ctx is done. Once it returns, no event that is stored
// afterwards is missed, also if the connection is lost meanwhile. Progress is the exception:
// it is delivered as it is published, without stream and sequence, and is missed while the
// connection is lost. fn is never called concurrently; messages of one stream arrive in order.
func (c *Conn) Subscribe(ctx context.Context, subjects []string, from StartPosition, fn func(events.Message)) error {
	following, stop := context.WithCancel(ctx)
	context.AfterFunc(ctx, stop)
	if err := c.subscribeAll(following, subjects, from, serialize(following, fn)); err != nil {
		stop()
		return err
	}
	return nil
}

func serialize(ctx context.Context, fn func(events.Message)) func(events.Message) {
	var mu sync.Mutex
	return func(m events.Message) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil {
			fn(m)
		}
	}
}

func (c *Conn) subscribeAll(ctx context.Context, subjects []string, from StartPosition, fn func(events.Message)) error {
	filters := map[string][]string{}
	for _, subject := range subjects {
		in, ok := findStream(subject)
		switch {
		case !ok:
			return fmt.Errorf("subscribe to %q: no declared stream has this subject", subject)
		case in.inMemory():
			if err := c.subscribeCore(ctx, subject, fn); err != nil {
				return err
			}
		case !slices.Contains(filters[in.config.Name], subject):
			filters[in.config.Name] = append(filters[in.config.Name], subject)
		}
	}
	for stream, filter := range filters {
		if err := c.subscribeStream(ctx, stream, filter, from, fn); err != nil {
			return err
		}
	}
	return nil
}

// subscribeCore subscribes with core NATS. The sequences of a memory stream restart at
// 1 when the server restarts, so that a consumer would wait for a sequence far ahead.
func (c *Conn) subscribeCore(ctx context.Context, subject string, fn func(events.Message)) error {
	sub, err := c.nc.Subscribe(subject, func(m *nats.Msg) {
		fn(events.Message{Subject: m.Subject, Header: m.Header, Data: m.Data})
	})
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	context.AfterFunc(ctx, func() { _ = sub.Unsubscribe() })
	flushing, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	if err := c.nc.FlushWithContext(flushing); err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, publishError(err))
	}
	return nil
}

// subscribeStream uses an ordered consumer, which resumes where it was when it is lost or
// misses a message.
func (c *Conn) subscribeStream(ctx context.Context, stream string, filter []string, from StartPosition, fn func(events.Message)) error {
	found, err := c.js.Stream(ctx, stream)
	if err != nil {
		return lookupError("stream "+stream, err)
	}
	config := from.config(stream, found.CachedInfo().State.LastSeq)
	config.FilterSubjects, config.InactiveThreshold = filter, time.Minute
	f := &follower{conn: c, stream: found, name: stream, config: config, fn: fn}
	if err := f.start(ctx); err != nil {
		return fmt.Errorf("subscribe to stream %s: %w", stream, c.withRemedy(err))
	}
	return nil
}

// follower reads one stream with one ordered consumer after another.
type follower struct {
	conn   *Conn
	stream jetstream.Stream
	name   string
	config jetstream.OrderedConsumerConfig
	fn     func(events.Message)
	last   atomic.Uint64 // sequence of the latest message
}

// start starts to read, with requests within the limits of the server.
func (f *follower) start(ctx context.Context) error {
	consumer, err := f.stream.OrderedConsumer(ctx, f.config)
	if err != nil {
		return err
	}
	batch := followBatch
	if limit := consumer.CachedInfo().Config.MaxRequestBatch; limit > 0 {
		batch = min(batch, limit)
	}
	restart := make(chan struct{}, 1)
	consuming, err := consumer.Consume(f.received,
		jetstream.PullMaxMessages(batch), jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(2*time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if f.conn.logLimiter.allow("follow " + f.name + err.Error()) {
				f.conn.log.Warn().Err(err).Str("stream", f.name).Msg("subscription interrupted, resuming")
			}
			if strings.Contains(err.Error(), "MaxRequest") { // the server lowered its limit
				select {
				case restart <- struct{}{}:
				default:
				}
			}
		}))
	if err != nil {
		return err
	}
	go func() {
		defer consuming.Stop()
		select {
		case <-ctx.Done():
		case <-restart:
			f.restart(ctx)
		}
	}()
	return nil
}

// restart resumes after the latest message.
func (f *follower) restart(ctx context.Context) {
	if last := f.last.Load(); last > 0 {
		f.config.DeliverPolicy, f.config.OptStartTime, f.config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, nil, last+1
	}
	for n := uint64(1); backoff.Sleep(ctx, backoff.Exponential(fetchRetry, fetchLimit, n)); n++ {
		if err := f.start(ctx); err == nil {
			return
		}
	}
}

// config is where a consumer begins in a stream that has come to sequence last.
func (f StartPosition) config(stream string, last uint64) jetstream.OrderedConsumerConfig {
	after, resumed := f.After[stream]
	switch {
	case resumed: // a sequence the stream has not reached is of an earlier stream
		after = min(after, last)
	case !f.Time.IsZero():
		return jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &f.Time}
	default: // by sequence too, so that a consumer lost before its first message begins at the same place
		after = last
	}
	return jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1}
}

func (f *follower) received(m jetstream.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		f.conn.log.Error().Err(err).Str("nats_subject", m.Subject()).Msg("invalid delivery ignored")
		return
	}
	if meta.Sequence.Stream <= f.last.Load() { // from a replaced consumer
		return
	}
	f.last.Store(meta.Sequence.Stream)
	f.fn(events.Message{
		Subject: m.Subject(), Header: m.Headers(), Data: m.Data(),
		Stream: meta.Stream, Sequence: meta.Sequence.Stream, Stored: meta.Timestamp,
	})
}
