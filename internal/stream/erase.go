package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// StoredMessage is a message that FindMessages has selected.
type StoredMessage struct {
	Stream   string
	Subject  string
	Sequence uint64
	Stored   time.Time
	Expires  time.Time // when the stream removes it; zero for never
	Kept     string    // why EraseMessages does not remove it; "" if it does
}

// Place returns the place of the message, as events.Message.Place.
func (m StoredMessage) Place() string {
	return events.Message{Stream: m.Stream, Sequence: m.Sequence, Stored: m.Stored}.Place()
}

// IsUnanswered reports whether the message is a command that the bridge has not answered yet.
func (m StoredMessage) IsUnanswered() bool { return m.Kept == keptUnanswered }

// IsDeadLetter reports whether the message is a dead letter.
func (m StoredMessage) IsDeadLetter() bool { return m.Stream == StreamDeadLetter }

// Reasons why a message is kept.
const (
	keptByStream   = "an earlier version declared the stream so that no message can be deleted"
	keptUnanswered = "the bridge has not answered it yet"
)

// FindMessages returns the commands, events and dead letters that match selects. It reads all of them.
func (c *Conn) FindMessages(ctx context.Context, match func(m events.Message, isDeadLetter bool) bool) ([]StoredMessage, error) {
	var all []StoredMessage
	for _, name := range []string{StreamCommands, StreamEvents, StreamDeadLetter} {
		found, err := c.findIn(ctx, name, match)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (c *Conn) findIn(ctx context.Context, name string, match func(m events.Message, isDeadLetter bool) bool) ([]StoredMessage, error) {
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return nil, lookupError("stream "+name, err)
	}
	config := stream.CachedInfo().Config
	answered := uint64(math.MaxUint64)
	if name == StreamCommands {
		if answered, err = c.answeredTo(ctx); err != nil {
			return nil, err
		}
	}
	var found []StoredMessage
	everything := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	err = c.readStored(ctx, name, everything, math.MaxUint64, func(m events.Message) bool {
		if !match(m, name == StreamDeadLetter) {
			return true
		}
		one := StoredMessage{Stream: name, Subject: m.Subject, Sequence: m.Sequence, Stored: m.Stored}
		if config.MaxAge > 0 {
			one.Expires = m.Stored.Add(config.MaxAge)
		}
		switch {
		case config.DenyDelete:
			one.Kept = keptByStream
		case m.Sequence > answered:
			one.Kept = keptUnanswered
		}
		found = append(found, one)
		return true
	})
	return found, err
}

// answeredTo returns the sequence up to which the bridge has answered every command.
func (c *Conn) answeredTo(ctx context.Context) (uint64, error) {
	answered := uint64(math.MaxUint64)
	for _, consumer := range []string{ConsumerRequests, ConsumerControl} {
		info, err := c.consumerInfo(ctx, StreamCommands, consumer)
		if err != nil {
			return 0, lookupError("consumer "+StreamCommands+"/"+consumer, err)
		}
		if info.NumPending > 0 || info.NumAckPending > 0 {
			answered = min(answered, info.AckFloor.Stream)
		}
	}
	return answered, nil
}

// EraseMessages deletes messages, so that their bytes are overwritten, and returns those that it has
// deleted. It leaves out those that are kept, and ignores those that are gone.
func (c *Conn) EraseMessages(ctx context.Context, messages []StoredMessage) (erased []StoredMessage, err error) {
	for _, m := range messages {
		if m.Kept != "" {
			continue
		}
		stream, err := c.js.Stream(ctx, m.Stream)
		if err != nil {
			return erased, lookupError("stream "+m.Stream, err)
		}
		switch err := stream.SecureDeleteMsg(ctx, m.Sequence); {
		case err == nil:
		case errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) && strings.Contains(err.Error(), codeNoSequence):
			continue
		case errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful):
			return erased, fmt.Errorf("delete message %d of %s: %w", m.Sequence, m.Stream, err)
		default: // without the permission, the request gets no response
			subject := c.apiPrefix + "STREAM.MSG.DELETE." + m.Stream
			if denied := c.denied(subject); denied != nil {
				err = denied
			}
			return erased, fmt.Errorf("delete message %d of %s, which needs permission to publish on %s: %w", m.Sequence, m.Stream, subject, err)
		}
		erased = append(erased, m)
	}
	return erased, nil
}

// codeNoSequence is in the text of the error of a sequence that the stream does not have. The jetstream package
// keeps only the text.
const codeNoSequence = "err_code=10043"
