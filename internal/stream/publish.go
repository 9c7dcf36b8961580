package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
)

var (
	// ErrFull is returned when a stream has no room. Nothing was stored.
	ErrFull = errors.New("stream is full")
	// ErrNoStream is returned when no stream has the subject, or while the servers of a cluster
	// elect the leader of the stream. Nothing was stored.
	ErrNoStream = errors.New("no stream has this subject, or its stream has no leader: see \"lazisync doctor\"")
)

// Error codes of the server for a lack of storage of the account or the server, in addition to
// the limits of a stream.
const (
	codeAccountLimit  jetstream.ErrorCode = 10002
	codeNoResources   jetstream.ErrorCode = 10023
	codeNoStorage     jetstream.ErrorCode = 10047
	codeStoreRefused  jetstream.ErrorCode = 10077
	codeInFlight      jetstream.ErrorCode = 10158 // the same message is being stored in several replicas
	publishStallLimit                     = 10 * time.Second
)

// Publish stores an event in its stream, on the subject of its type, and returns nil once the
// stream has stored it. After an error other than ErrDisconnected, ErrFull and ErrNoStream the
// event may have been stored, too; publishing it again stores it once. A different event with
// the same id does not prevent it from being stored: see verifyDuplicate.
func (c *Conn) Publish(ctx context.Context, event events.Event) (err error) {
	event, span := c.tracing.publish(ctx, event)
	defer func() { span.end(err) }()
	m, err := encode(event)
	if err != nil {
		return err
	}
	ack, err := c.publish(ctx, m, event.ID())
	if err != nil {
		return err
	}
	return c.verifyDuplicate(ctx, event, ack)
}

// PublishCommand stores a command whose publisher waits for an answer. A repeated command is
// stored again, without its message id: JetStream would drop it as a duplicate, and the bridge
// would not answer. The bridge answers that it is a duplicate, or a conflict if its data
// differs.
func (c *Conn) PublishCommand(ctx context.Context, event events.Event) (err error) {
	event, span := c.tracing.publish(ctx, event)
	defer func() { span.end(err) }()
	m, err := encode(event)
	if err != nil {
		return err
	}
	ack, err := c.publish(ctx, m, event.ID())
	if err != nil || !ack.Duplicate {
		return err
	}
	m.Header.Del(jetstream.MsgIDHeader)
	_, err = c.publish(ctx, m, event.ID())
	return err
}

func (c *Conn) publish(ctx context.Context, m *nats.Msg, id string) (*jetstream.PubAck, error) {
	began := time.Now()
	ack, err := c.js.PublishMsg(ctx, m)
	err = cmp.Or(err, failpoint.Error("nats/published", nats.ErrTimeout))
	c.recordPublish(m.Subject, err)
	if err != nil {
		return nil, fmt.Errorf("publish %s %q: %w", m.Subject, id, publishError(err))
	}
	c.recorder.Published(time.Since(began))
	c.logPublished(m, ack)
	return ack, nil
}

// PublishAll publishes events together, without waiting for each acknowledgement. It returns one
// entry per event, nil if the stream stored it. Events keep their order; a failed one does not stop
// those after it.
func (c *Conn) PublishAll(ctx context.Context, all []events.Event) []error {
	errs, began := make([]error, len(all)), time.Now()
	messages, spans := make([]*nats.Msg, len(all)), make([]published, len(all))
	for i, event := range all {
		event, spans[i] = c.tracing.publish(ctx, event)
		messages[i], errs[i] = encode(event)
	}
	stored := 0
	if !slices.ContainsFunc(messages, func(m *nats.Msg) bool { return m == nil || !isForEvents(m) }) {
		stored = c.storeAtomically(ctx, messages)
	}
	pending := make([]jetstream.PubAckFuture, len(all))
	for i := stored; i < len(all); i++ {
		if errs[i] == nil {
			errs[i] = ctx.Err()
		}
		if errs[i] == nil {
			pending[i], errs[i] = c.js.PublishMsgAsync(messages[i], jetstream.WithStallWait(publishStallLimit))
		}
	}
	for i, future := range pending {
		if future != nil {
			errs[i] = c.await(ctx, future, all[i], began)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("publish %s %q: %w", all[i].Type(), all[i].ID(), publishError(errs[i]))
		}
		spans[i].end(errs[i])
	}
	return errs
}

// isForEvents reports whether the event stream has the subject of a message.
func isForEvents(m *nats.Msg) bool {
	in, _ := StreamFor(m.Subject)
	return in == StreamEvents
}

// await waits for the acknowledgement of one event of PublishAll.
func (c *Conn) await(ctx context.Context, future jetstream.PubAckFuture, event events.Event, began time.Time) error {
	select {
	case ack := <-future.Ok():
		if err := failpoint.Error("nats/published", nats.ErrTimeout); err != nil {
			return err
		}
		c.recordPublish(future.Msg().Subject, nil)
		c.recorder.Published(time.Since(began))
		c.logPublished(future.Msg(), ack)
		return c.verifyDuplicate(ctx, event, ack)
	case err := <-future.Err():
		c.recordPublish(future.Msg().Subject, err)
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recordPublish records whether the stream of a subject stores events. An error that says
// nothing about the stream, such as a lost connection, is ignored.
func (c *Conn) recordPublish(subject string, err error) {
	in, known := StreamFor(subject)
	err = publishError(err)
	var refused *jetstream.APIError
	switch {
	case !known, errors.As(err, &refused) && refused.ErrorCode == codeInFlight:
	case err == nil:
		c.publishing.clear(in)
	case isAPIError(err), errors.Is(err, ErrFull), errors.Is(err, ErrNoStream):
		c.publishing.record(in, err)
	}
}

// encode returns the message of an event: structured JSON on the subject of its type.
func encode(event events.Event) (*nats.Msg, error) {
	definition, known := events.ByType(event.Type())
	if !known {
		return nil, fmt.Errorf("publish event %q: type %q is not in the catalogue", event.ID(), event.Type())
	}
	data, err := events.Encode(event)
	if err != nil {
		return nil, err
	}
	return &nats.Msg{Subject: definition.Subject, Header: events.Header(event), Data: data}, nil
}

// publishError returns ErrDisconnected, ErrNoStream or ErrFull for the errors of NATS that mean
// them, and other errors unchanged.
func publishError(err error) error {
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed):
		return ErrDisconnected
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return ErrNoStream
	case errors.As(err, &refused):
		switch refused.ErrorCode {
		case codeAccountLimit, codeNoResources, codeNoStorage, codeStoreRefused:
			return fmt.Errorf("%w: %s", ErrFull, refused.Description)
		}
	}
	return err
}

func (c *Conn) logPublished(m *nats.Msg, ack *jetstream.PubAck) {
	c.log.Debug().Str("nats_subject", m.Subject).Str("stream", ack.Stream).
		Uint64("sequence", ack.Sequence).Bool("duplicate", ack.Duplicate).Msg("published")
}
