package stream

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lazi/lazisync/events"
)

// Replay puts a dead letter back on its subject, where it is judged afresh, and
// returns where it is stored now. The dead letter stays.
func (c *Conn) Replay(ctx context.Context, sequence uint64) (stream string, at uint64, err error) {
	parked, err := c.DeadLetterAt(ctx, sequence)
	if err != nil {
		return "", 0, err
	}
	ack, err := c.js.PublishMsg(ctx, replayed(parked.Message))
	if err != nil {
		return "", 0, fmt.Errorf("replay dead letter %d on %s: %w", sequence, parked.Message.Subject, publishError(err))
	}
	return ack.Stream, ack.Sequence, nil
}

// replayed is the message to publish again: without Nats-Msg-Id, which would
// make the stream drop it, and with the identity its event had.
func replayed(m events.Message) *nats.Msg {
	again := &nats.Msg{Subject: m.Subject, Header: nats.Header{}, Data: m.Data}
	for name, values := range m.Header {
		if strings.EqualFold(name, events.HeaderFirstStored) || !reserved(name) {
			again.Header[name] = values
		}
	}
	if event, ok := identifiedByPlace(m, again); ok {
		if data, err := events.Encode(event); err == nil {
			again.Data = data
			deleteFold(again.Header, "Content-Type")
			again.Header.Set("Content-Type", events.ContentType)
		}
	}
	if !hasFold(again.Header, events.HeaderFirstStored) && !m.Stored.IsZero() {
		again.Header.Set(events.HeaderFirstStored, m.Stored.UTC().Format(time.RFC3339Nano))
	}
	return again
}

// identifiedByPlace finds the event of bare JSON, whose id comes from the
// message's headers or place and would be another one when it is published again.
func identifiedByPlace(m events.Message, again *nats.Msg) (events.Event, bool) {
	event, err := events.Decode(m)
	if err != nil {
		return event, false // it cannot be read, so it has no identity to keep
	}
	elsewhere, err := events.Decode(events.Message{Subject: again.Subject, Header: again.Header, Data: again.Data})
	moved := err != nil || elsewhere.ID() != event.ID() || elsewhere.Source() != event.Source()
	return event, moved
}

func hasFold(header nats.Header, name string) bool {
	for key := range header {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

func deleteFold(header nats.Header, name string) {
	for key := range header {
		if strings.EqualFold(key, name) {
			delete(header, key)
		}
	}
}
