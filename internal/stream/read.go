package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// reader returns a stream from which to read single messages. It ignores allow_direct, with
// which the jetstream package would use another subject that needs another permission.
func (c *Conn) reader(ctx context.Context, name string) (jetstream.Stream, error) {
	found, err := c.js.Stream(ctx, name)
	if err != nil {
		return nil, lookupError("stream "+name, err)
	}
	found.CachedInfo().Config.AllowDirect = false
	return found, nil
}

// HasMessage reports whether a stream has the message at a place (events.Message.Place). A message
// with the same sequence that was stored at another time is another one.
func (c *Conn) HasMessage(ctx context.Context, place string) (bool, error) {
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	name, sequence, stored, err := events.ParsePlace(place)
	if err != nil {
		return false, err
	}
	stream, err := c.reader(ctx, name)
	if err != nil {
		return false, err
	}
	raw, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read message %s (the NATS user needs %s): %w", place, c.readSubject(name), err)
	}
	return raw.Time.Equal(stored), nil
}

// readSubject returns the request subject for messages of a stream.
func (c *Conn) readSubject(stream string) string { return c.apiPrefix + "STREAM.MSG.GET." + stream }

// CheckRead returns an error if this NATS user may not read single messages of a stream. The
// bridge reads run numbers from the event stream, and Publish reads messages that JetStream
// reports as duplicates. The message that CheckRead requests does not exist.
func (c *Conn) CheckRead(ctx context.Context, name string) error {
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	stream, err := c.reader(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) { // a missing stream is not a missing permission
		return nil
	}
	if err != nil {
		return err
	}
	_, err = stream.GetMsg(ctx, absentSequence)
	if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if denied := c.denied(c.readSubject(name)); denied != nil {
		err = denied
	}
	return fmt.Errorf("read stream %s, which needs permission to publish on %s: %w", name, c.readSubject(name), publishError(err))
}
