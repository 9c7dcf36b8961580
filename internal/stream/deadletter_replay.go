package stream

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lazi/lazisync/events"
)

// Replay publishes the message of a dead letter on its original subject again and returns its
// new place. The dead letter is kept.
func (c *Conn) Replay(ctx context.Context, sequence uint64) (stream string, at uint64, err error) {
	deadLetter, err := c.DeadLetterAt(ctx, sequence)
	if err != nil {
		return "", 0, err
	}
	ack, err := c.js.PublishMsg(ctx, replayMessage(deadLetter.Message))
	if err != nil {
		return "", 0, fmt.Errorf("replay dead letter %d on %s: %w", sequence, deadLetter.Message.Subject, publishError(err))
	}
	return ack.Stream, ack.Sequence, nil
}

// replayMessage returns the message to publish: without Nats-Msg-Id, which would make
// the stream drop it as a duplicate, and with the identity of its event.
func replayMessage(m events.Message) *nats.Msg {
	again := &nats.Msg{Subject: m.Subject, Header: nats.Header{}, Data: m.Data}
	for name, values := range m.Header {
		if strings.EqualFold(name, events.HeaderFirstStored) || !isReserved(name) {
			again.Header[name] = values
		}
	}
	if event, ok := withOwnIdentity(m, again); ok {
		if data, err := events.Encode(event); err == nil {
			again.Data = data
			deleteHeader(again.Header, "Content-Type")
			again.Header.Set("Content-Type", events.ContentType)
		}
	}
	if !hasHeader(again.Header, events.HeaderFirstStored) && !m.Stored.IsZero() {
		again.Header.Set(events.HeaderFirstStored, m.Stored.UTC().Format(time.RFC3339Nano))
	}
	return again
}

// withOwnIdentity returns the event of bare JSON, whose id derives from the headers or the
// place of its message, if publishing it again would give it another identity.
func withOwnIdentity(m events.Message, again *nats.Msg) (events.Event, bool) {
	event, err := events.Decode(m)
	if err != nil {
		return event, false // malformed: it has no identity
	}
	republished, err := events.Decode(events.Message{Subject: again.Subject, Header: again.Header, Data: again.Data})
	changes := err != nil || republished.ID() != event.ID() || republished.Source() != event.Source()
	return event, changes
}

func hasHeader(header nats.Header, name string) bool {
	for key := range header {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

func deleteHeader(header nats.Header, name string) {
	for key := range header {
		if strings.EqualFold(key, name) {
			delete(header, key)
		}
	}
}
