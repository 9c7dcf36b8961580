package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/internal/backoff"
)

const (
	defaultWait  = 10 * time.Second
	defaultGrace = 20 * time.Second

	fetchRetry         = 500 * time.Millisecond // after a failed fetch, doubled each time
	fetchLimit         = 5 * time.Second
	handleRetry        = time.Second // after a failed batch, doubled each time
	handleLimit        = 30 * time.Second
	readyRetry         = 500 * time.Millisecond // between readiness checks, doubled each time
	readyLimit         = 5 * time.Second
	maxHeartbeat       = 2 * time.Second        // between heartbeats of the server while a request waits
	bodilessDeliveries = 2                      // deliveries after which a message without a body is taken as published like that
	idlePause          = 100 * time.Millisecond // after an empty fetch that returned at once
)

// BatchOptions configure ConsumeBatches.
type BatchOptions struct {
	Max   int           // maximum size of a batch, default 1
	Wait  time.Duration // how long one fetch waits for the first message, default 10 s
	Grace time.Duration // how long the current batch may run after ctx is done, default 20 s

	// Ready checks the dependencies of the handler. After a failed batch nothing is fetched
	// until Ready returns nil: an outage costs each message one delivery however long it
	// lasts, and an error of a single message does not delay the others. If it is nil,
	// fetching backs off after each failed batch.
	Ready func(ctx context.Context) error
}

// Handler processes one batch and settles each message. Messages that it leaves unsettled are
// redelivered with backoff. An error means that a dependency may be unavailable: see
// BatchOptions.Ready.
type Handler func(ctx context.Context, batch []*Message) error

// ConsumeBatches fetches from a durable consumer and calls handle with one batch after
// another until ctx is done; the current batch is finished first. It logs and retries a lost
// connection, a missing stream or consumer, and a missing permission. It returns an error only
// for a consumer that is not declared.
func (c *Conn) ConsumeBatches(ctx context.Context, consumer string, o BatchOptions, handle Handler) error {
	stream, declared, err := findConsumer(consumer)
	if err != nil {
		return err
	}
	o = o.withDefaults()
	l := &batchLoop{conn: c, stream: stream, consumer: consumer, declared: declared, options: o, handle: handle}
	for ctx.Err() == nil {
		l.round(ctx)
	}
	return nil
}

func (o BatchOptions) withDefaults() BatchOptions {
	o.Max = max(o.Max, 1)
	if o.Wait <= 0 {
		o.Wait = defaultWait
	}
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	return o
}

type batchLoop struct {
	conn     *Conn
	stream   string
	consumer string
	declared jetstream.ConsumerConfig
	options  BatchOptions
	handle   Handler

	verified       bool // the consumer was verified since the last error
	request        pullRequest
	fetchFailures  uint64 // consecutive
	handleFailures uint64 // consecutive
}

// round fetches once and calls the handler if there are messages.
func (l *batchLoop) round(ctx context.Context) {
	started := time.Now()
	batch, err := l.fetch(ctx)
	if err != nil {
		l.fetchFailed(ctx, err)
		return
	}
	l.conn.fetching.clear(l.consumer)
	if l.fetchFailures > 0 {
		l.fetchFailures = 0
		l.conn.log.Info().Str("consumer", l.consumer).Msg("fetching resumed")
	}
	if len(batch) == 0 {
		if time.Since(started) < idlePause { // the server rejects requests beyond its limit at once
			backoff.Sleep(ctx, idlePause)
		}
		return
	}
	if err := l.handleBatch(ctx, batch); err != nil {
		l.verified = false
		l.handleFailures++
		if l.conn.logLimiter.allow(l.consumer + " handler " + err.Error()) {
			l.conn.log.Error().Err(err).Str("consumer", l.consumer).Msg("batch failed, backing off")
		}
		l.backOff(ctx)
		return
	}
	l.handleFailures = 0
}

// fetch fetches messages within the limits of the consumer. It fetches nothing that could not
// be acknowledged or would be lost.
func (l *batchLoop) fetch(ctx context.Context) ([]*Message, error) {
	if !l.verified {
		if err := l.verify(ctx); err != nil {
			return nil, err
		}
		l.verified = true
	}
	raw, err := l.conn.pull(ctx, l.stream, l.consumer, l.request, func() { l.conn.fetching.clear(l.consumer) })
	if refused, ok := errors.AsType[*pullError](err); ok && refused.tooLarge() && l.request.MaxBytes > 0 {
		alone := l.request
		alone.Batch, alone.MaxBytes = 1, 0
		raw, err = l.conn.pull(ctx, l.stream, l.consumer, alone, func() { l.conn.fetching.clear(l.consumer) })
	}
	if err != nil {
		return nil, err
	}
	return l.withBodies(ctx, raw)
}

// verify checks the consumer and the permission to acknowledge, and sets the limits of
// requests.
func (l *batchLoop) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	info, err := l.conn.consumerInfo(ctx, l.stream, l.consumer)
	if err != nil {
		return lookupError("consumer "+l.stream+"/"+l.consumer, err)
	}
	for _, d := range compareConsumer(l.stream, l.declared, info.Config) {
		if lossyFields[d.goName] {
			return fmt.Errorf("%s: messages would be lost: run \"lazisync migrate\"", d)
		}
	}
	l.request = pullRequest{
		Batch: l.options.Max, MaxBytes: maxPullBytes, NoWait: true, Expires: l.options.Wait, Heartbeat: maxHeartbeat,
	}.limitedBy(info.Config)
	return l.conn.CheckAcknowledge(ctx, l.consumer)
}

// withBodies rejects a batch that was delivered without bodies, which happens if the consumer
// is changed to headers_only while it is read. A message that was published with the header
// Nats-Msg-Size and no body arrives like that every time and is accepted.
func (l *batchLoop) withBodies(ctx context.Context, raw []*nats.Msg) ([]*Message, error) {
	batch := l.deliveries(raw)
	if !slices.ContainsFunc(batch, (*Message).isBodiless) {
		return batch, nil
	}
	err := l.verify(ctx)
	if err == nil && !slices.ContainsFunc(batch, func(m *Message) bool { return m.isBodiless() && m.deliveries <= bodilessDeliveries }) {
		return batch, nil
	}
	l.nakUnsettled(batch)
	return nil, err
}

// backOff waits until Ready returns nil or, without Ready, for the backoff.
func (l *batchLoop) backOff(ctx context.Context) {
	if l.options.Ready == nil {
		backoff.Sleep(ctx, jitter(backoff.Exponential(handleRetry, handleLimit, l.handleFailures)))
		return
	}
	for n := uint64(1); ctx.Err() == nil; n++ {
		err := l.ready(ctx)
		if err == nil {
			return
		}
		if l.conn.logLimiter.allow(l.consumer + " waits " + err.Error()) {
			l.conn.log.Error().Err(err).Str("consumer", l.consumer).Msg("fetching paused, a dependency is unavailable")
		}
		backoff.Sleep(ctx, jitter(backoff.Exponential(readyRetry, readyLimit, n)))
	}
}

func (l *batchLoop) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return l.options.Ready(ctx)
}

func (l *batchLoop) deliveries(raw []*nats.Msg) []*Message {
	batch := make([]*Message, 0, len(raw))
	for _, r := range raw {
		m, err := l.conn.delivery(r)
		if err != nil { // a server with another protocol: there is nothing to settle
			l.conn.log.Error().Err(err).Str("consumer", l.consumer).Msg("invalid delivery ignored")
			continue
		}
		if m.deliveries > 1 {
			l.conn.recorder.Redelivered(l.consumer)
		}
		l.conn.tracing.process(m, l.consumer)
		batch = append(batch, m)
	}
	return batch
}

func (l *batchLoop) fetchFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.verified = false
	l.fetchFailures++
	err = l.diagnose(ctx, err)
	l.conn.fetching.record(l.consumer, err)
	if l.conn.logLimiter.allow(l.consumer + " " + err.Error()) {
		l.conn.log.Error().Err(err).Str("consumer", l.consumer).Msg("fetch failed, retrying")
	}
	backoff.Sleep(ctx, jitter(backoff.Exponential(fetchRetry, fetchLimit, l.fetchFailures)))
}

// diagnose returns the cause of a failed fetch.
func (l *batchLoop) diagnose(ctx context.Context, err error) error {
	if !l.conn.nc.IsConnected() {
		return l.conn.disconnected()
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	reason := l.conn.consumerReady(ctx, l.consumer)
	if errors.Is(reason, jetstream.ErrStreamNotFound) || errors.Is(reason, jetstream.ErrConsumerNotFound) {
		return reason
	}
	return err
}
