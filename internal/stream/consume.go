package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	defaultWait  = 10 * time.Second
	defaultGrace = 20 * time.Second

	fetchRetry      = 500 * time.Millisecond // after a fetch that went wrong, doubled
	fetchLimit      = 5 * time.Second
	handleRetry     = time.Second // after a handler that went wrong, doubled
	handleLimit     = 30 * time.Second
	readyRetry      = 500 * time.Millisecond // between questions whether an outage is over, doubled
	readyLimit      = 5 * time.Second
	maxHeartbeat    = 2 * time.Second        // between signs of life of the server while a request waits
	bodilessRetries = 2                      // deliveries for which a message without its body may be one of a headers_only consumer
	idlePause       = 100 * time.Millisecond // between fetches that find nothing too fast
)

// BatchOptions say how ConsumeBatches fetches.
type BatchOptions struct {
	Max   int           // messages in a batch, default 1
	Wait  time.Duration // how long one fetch waits for the first message, default 10 s
	Grace time.Duration // how long the batch in hand may go on once ctx is done, default 20 s

	// Ready says whether everything the handler needs is there. It is asked when the
	// handler went wrong, and nothing is fetched before it says nil: an outage, however
	// long, costs a message one delivery, and trouble of one message alone costs the
	// others nothing. Without it fetching pauses after each trouble, longer each time.
	Ready func(ctx context.Context) error
}

// Handler works on one batch and settles each message. Messages it leaves
// unsettled are given back. An error means that something may be down that
// everybody needs: see BatchOptions.Ready.
type Handler func(ctx context.Context, batch []*Message) error

// ConsumeBatches fetches from a durable consumer and hands over what is there, one
// batch after another, until ctx is done; the batch in hand is finished first.
// A lost connection, a deleted consumer, a missing stream or a user who may not
// acknowledge is logged once and waited for: only a consumer that is not declared is an
// error.
func (c *Conn) ConsumeBatches(ctx context.Context, consumer string, o BatchOptions, handle Handler) error {
	stream, declared, ok := findConsumer(consumer)
	if !ok {
		return fmt.Errorf("consumer %q is not declared", consumer)
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

	proved         bool // since something last went wrong
	request        pullRequest
	fetchFailures  uint64 // in a row
	handleFailures uint64 // in a row
}

// round is one fetch and, if there is anything, one call of the handler.
func (l *batchLoop) round(ctx context.Context) {
	started := time.Now()
	batch, err := l.fetch(ctx)
	if err != nil {
		l.fetchFailed(ctx, err)
		return
	}
	l.conn.fetching.worked(l.consumer)
	if l.fetchFailures > 0 {
		l.fetchFailures = 0
		l.conn.log.Info().Str("consumer", l.consumer).Msg("fetching messages again")
	}
	if len(batch) == 0 {
		if time.Since(started) < idlePause { // several fetch at once and the server sends this one away
			wait(ctx, idlePause)
		}
		return
	}
	if err := l.work(ctx, batch); err != nil {
		l.proved = false
		l.handleFailures++
		if l.conn.quiet.allow(l.consumer + " handler " + err.Error()) {
			l.conn.log.Error().Err(err).Str("consumer", l.consumer).Msg("batch failed")
		}
		l.pause(ctx)
		return
	}
	l.handleFailures = 0
}

// fetch asks for messages, for no more than the consumer allows. What cannot be
// acknowledged, or would be lost, is not asked for.
func (l *batchLoop) fetch(ctx context.Context) ([]*Message, error) {
	if !l.proved {
		if err := l.prove(ctx); err != nil {
			return nil, err
		}
		l.proved = true
	}
	raw, err := l.conn.pull(ctx, l.stream, l.consumer, l.request, func() { l.conn.fetching.worked(l.consumer) })
	var refused *refusal
	if errors.As(err, &refused) && refused.tooLarge() && l.request.MaxBytes > 0 {
		alone := l.request
		alone.Batch, alone.MaxBytes = 1, 0
		raw, err = l.conn.pull(ctx, l.stream, l.consumer, alone, func() { l.conn.fetching.worked(l.consumer) })
	}
	if err != nil {
		return nil, err
	}
	return l.withBodies(ctx, raw)
}

// prove looks at the consumer and at what this user may do, and plans the requests.
func (l *batchLoop) prove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	info, err := l.conn.consumerInfo(ctx, l.stream, l.consumer)
	if err != nil {
		return lookupError("consumer "+l.stream+"/"+l.consumer, err)
	}
	for _, d := range compareConsumer(l.stream, l.declared, info.Config) {
		if lossy[d.goName] {
			return fmt.Errorf("%s: messages would be lost: run \"lazisync migrate\"", d)
		}
	}
	l.request = pullRequest{
		Batch: l.options.Max, MaxBytes: maxPullBytes, NoWait: true, Expires: l.options.Wait, Heartbeat: maxHeartbeat,
	}.within(info.Config)
	return l.conn.CheckAcknowledge(ctx, l.consumer)
}

// withBodies gives back a batch that the server delivered without bodies, which it does
// when somebody made the consumer headers_only while it is read. A message that was
// published with the header that says so is delivered like that every time.
func (l *batchLoop) withBodies(ctx context.Context, raw []*nats.Msg) ([]*Message, error) {
	batch := l.deliveries(raw)
	if !slices.ContainsFunc(batch, (*Message).isBodiless) {
		return batch, nil
	}
	err := l.prove(ctx)
	if err == nil && !slices.ContainsFunc(batch, func(m *Message) bool { return m.isBodiless() && m.deliveries <= bodilessRetries }) {
		return batch, nil
	}
	l.giveBack(batch)
	return nil, err
}

// pause waits until it is worth fetching again.
func (l *batchLoop) pause(ctx context.Context) {
	if l.options.Ready == nil {
		wait(ctx, jitter(doubled(handleRetry, handleLimit, l.handleFailures)))
		return
	}
	for n := uint64(1); ctx.Err() == nil; n++ {
		err := l.ready(ctx)
		if err == nil {
			return
		}
		if l.conn.quiet.allow(l.consumer + " waits " + err.Error()) {
			l.conn.log.Error().Err(err).Str("consumer", l.consumer).Msg("fetching waits for what is down")
		}
		wait(ctx, jitter(doubled(readyRetry, readyLimit, n)))
	}
}

func (l *batchLoop) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return l.options.Ready(ctx)
}

// work runs the handler, which may outlive ctx for the grace period.
func (l *batchLoop) work(ctx context.Context, batch []*Message) error {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopGrace := context.AfterFunc(ctx, func() { wait(working, l.options.Grace); cancel() })
	defer stopGrace()
	stopKeeping := keep(batch)
	err := l.handle(working, batch)
	stopKeeping()
	l.giveBack(batch)
	return err
}

// keep asks for more time for each message until it is settled, and returns how to stop.
func keep(batch []*Message) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for wait(ctx, ackWait/3) {
			for _, m := range batch {
				if !m.settled.Load() {
					_ = m.InProgress() // a lost connection: the message comes again
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (l *batchLoop) giveBack(batch []*Message) {
	for _, m := range batch {
		if m.settled.Load() {
			continue
		}
		if err := m.Retry(0); err != nil && l.conn.quiet.allow("give back "+l.consumer) {
			l.conn.log.Warn().Err(err).Str("consumer", l.consumer).Msg("message not given back, it comes again by itself")
		}
	}
}

func (l *batchLoop) deliveries(raw []*nats.Msg) []*Message {
	batch := make([]*Message, 0, len(raw))
	for _, r := range raw {
		m, err := l.conn.delivery(r)
		if err != nil { // a server that speaks another protocol: nothing to settle with
			l.conn.log.Error().Err(err).Str("consumer", l.consumer).Msg("unreadable delivery")
			continue
		}
		batch = append(batch, m)
	}
	return batch
}

func (l *batchLoop) fetchFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.proved = false
	l.fetchFailures++
	err = l.diagnose(ctx, err)
	l.conn.fetching.failed(l.consumer, err)
	if l.conn.quiet.allow(l.consumer + " " + err.Error()) {
		l.conn.log.Error().Err(err).Str("consumer", l.consumer).Msg("cannot fetch messages, trying again")
	}
	wait(ctx, jitter(doubled(fetchRetry, fetchLimit, l.fetchFailures)))
}

// diagnose finds the reason behind a fetch that failed.
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

// wait says whether the time passed before ctx was done.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
