package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// verifyDuplicate compares an event that JetStream acknowledged as a duplicate with the stored
// one. JetStream compares ids only, and after NATS, PostgreSQL or Temporal was restored to an
// earlier state an id may belong to a different event. Such an event is stored under a derived
// id, so that publishing it again still stores it once.
//
// Commands are excluded: the first one with an identity is kept, and the bridge answers the
// others. Progress is excluded, because it may be lost.
func (c *Conn) verifyDuplicate(ctx context.Context, event events.Event, ack *jetstream.PubAck) error {
	if !ack.Duplicate || ack.Stream != StreamEvents {
		return nil
	}
	same, err := c.isStored(ctx, ack, event)
	if err != nil || same {
		return err
	}
	again := event.Clone()
	sum := sha256.Sum256(event.Data())
	again.SetID(event.ID() + "/" + hex.EncodeToString(sum[:4]))
	m, err := encode(again)
	if err != nil {
		return err
	}
	if _, err := c.publish(ctx, m, again.ID()); err != nil {
		return err
	}
	c.log.Warn().Str("event_id", event.ID()).Str("published_as", again.ID()).Uint64("sequence", ack.Sequence).
		Msg("the stream has a different event with this id, published under a derived id: NATS, PostgreSQL or Temporal was restored to an earlier state")
	return nil
}

// isStored reports whether the message that an acknowledgement names is the event.
func (c *Conn) isStored(ctx context.Context, ack *jetstream.PubAck, event events.Event) (bool, error) {
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	stream, err := c.reader(ctx, ack.Stream)
	if err != nil {
		return false, err
	}
	raw, err := stream.GetMsg(ctx, ack.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read message %d of %s, which has the id of %s %q (the NATS user needs %s): %w",
			ack.Sequence, ack.Stream, event.Type(), event.ID(), c.readSubject(ack.Stream), err)
	}
	stored, err := events.Decode(events.Message{Subject: raw.Subject, Header: raw.Header, Data: raw.Data})
	if err != nil {
		return false, nil //nolint:nilerr // a malformed event is a different one
	}
	return events.IsSame(stored, event), nil
}
