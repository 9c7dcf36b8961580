package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// reader returns a stream to read single messages of. An operator may set allow_direct on
// it: the jetstream package would then ask on another subject, which needs another permission.
func (c *Conn) reader(ctx context.Context, name string) (jetstream.Stream, error) {
	found, err := c.js.Stream(ctx, name)
	if err != nil {
		return nil, lookupError("stream "+name, err)
	}
	found.CachedInfo().Config.AllowDirect = false
	return found, nil
}

// readSubject is where to ask for a message of a stream.
func readSubject(stream string) string { return "$JS.API.STREAM.MSG.GET." + stream }

// CheckRead says why this user cannot read single messages of a stream, or nil: the bridge
// compares run numbers with the event stream before it consumes, and who publishes examines
// what JetStream calls a duplicate. The message requested does not exist.
func (c *Conn) CheckRead(ctx context.Context, name string) error {
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	stream, err := c.reader(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) { // which is another matter
		return nil
	}
	if err != nil {
		return err
	}
	_, err = stream.GetMsg(ctx, noSequence)
	if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if denied := c.denied(readSubject(name)); denied != nil {
		err = denied
	}
	return fmt.Errorf("read stream %s, which needs permission to publish on %s: %w", name, readSubject(name), publishError(err))
}
