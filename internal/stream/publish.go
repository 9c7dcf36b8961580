package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

var (
	// ErrFull says that a stream refuses more for now. Nothing was stored.
	ErrFull = errors.New("stream is full")
	// ErrNoStream says that no stream takes the subject. Nothing was stored.
	ErrNoStream = errors.New("no stream takes this subject, run \"lazisync migrate\"")
)

// Error codes of the server that mean "no room", beside the stream's own limits:
// the account's and the server's storage.
const (
	codeAccountLimit  jetstream.ErrorCode = 10002
	codeNoResources   jetstream.ErrorCode = 10023
	codeNoStorage     jetstream.ErrorCode = 10047
	codeStoreRefused  jetstream.ErrorCode = 10077
	publishStallLimit                     = 10 * time.Second
)

// Publish stores an event in its stream, on the subject of its type. It returns
// nil only once the stream has it. After any other error than ErrDisconnected,
// ErrFull and ErrNoStream the event may have arrived all the same; publishing
// the same event again stores it once. Another event that has its id in the stream does
// not keep it from being stored: see settleDuplicate.
func (c *Conn) Publish(ctx context.Context, event events.Event) error {
	m, err := outgoing(event)
	if err != nil {
		return err
	}
	ack, err := c.publish(ctx, m, event.ID())
	if err != nil {
		return err
	}
	return c.settleDuplicate(ctx, event, ack)
}

// PublishCommand stores a command that somebody expects an answer to. Publish would do
// nothing where the stream has its identity already, and nobody would answer. So a
// repetition is stored once more, without the header by which JetStream knows it: the
// bridge answers that it is a duplicate, or a conflict where it says something else.
func (c *Conn) PublishCommand(ctx context.Context, event events.Event) error {
	m, err := outgoing(event)
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
	ack, err := c.js.PublishMsg(ctx, m)
	c.published(m.Subject, err)
	if err != nil {
		return nil, fmt.Errorf("publish %s %q: %w", m.Subject, id, publishError(err))
	}
	c.logPublished(m, ack)
	return ack, nil
}

// PublishAll publishes many events without waiting for one before the next. The
// result has one entry per event, nil where the stream has it. Events keep their
// order, but one that is refused does not stop those after it.
func (c *Conn) PublishAll(ctx context.Context, all []events.Event) []error {
	errs := make([]error, len(all))
	pending := make([]jetstream.PubAckFuture, len(all))
	for i, event := range all {
		m, err := outgoing(event)
		if err == nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err == nil {
			pending[i], err = c.js.PublishMsgAsync(m, jetstream.WithStallWait(publishStallLimit))
		}
		errs[i] = err
	}
	for i, future := range pending {
		if future != nil {
			errs[i] = c.await(ctx, future, all[i])
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("publish %s %q: %w", all[i].Type(), all[i].ID(), publishError(errs[i]))
		}
	}
	return errs
}

func (c *Conn) await(ctx context.Context, future jetstream.PubAckFuture, event events.Event) error {
	select {
	case ack := <-future.Ok():
		c.published(future.Msg().Subject, nil)
		c.logPublished(future.Msg(), ack)
		return c.settleDuplicate(ctx, event, ack)
	case err := <-future.Err():
		c.published(future.Msg().Subject, err)
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// published notes whether the stream of a subject takes events. An error that says
// nothing of the stream, such as a lost connection, says nothing here.
func (c *Conn) published(subject string, err error) {
	in, known := StreamFor(subject)
	err = publishError(err)
	switch {
	case !known:
	case err == nil:
		c.publishing.worked(in)
	case isRefused(err), errors.Is(err, ErrFull), errors.Is(err, ErrNoStream):
		c.publishing.failed(in, err)
	}
}

// outgoing makes the message of an event: structured JSON on the subject of its type.
func outgoing(event events.Event) (*nats.Msg, error) {
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
