package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// ErrNoDeadLetter says that there is nothing parked at a sequence.
var ErrNoDeadLetter = errors.New("no such dead letter")

// Headers of a dead letter.
const (
	headerCode     = "Lazisync-Code"
	headerReason   = "Lazisync-Reason"
	headerAttempts = "Lazisync-Attempts"
	headerStream   = "Lazisync-Stream"
	headerSequence = "Lazisync-Sequence"
	headerStored   = "Lazisync-Stored"
	// headerOriginal goes before a header of the original that would mean
	// something to the server or to us.
	headerOriginal = "Lazisync-Original-"
)

// DeadLetter is a dead letter: a message that was rejected, and why.
type DeadLetter struct {
	Sequence uint64    // in SYNC_DEADLETTER
	At       time.Time // when it was parked
	Code     events.RejectCode
	Reason   string
	Attempts uint64
	Message  events.Message // as it came: subject, headers, bytes, and where it was stored
}

// DeadLetterSubject is where a message of a subject is parked.
func DeadLetterSubject(subject string) string { return deadLetterPrefix + subject }

// DeadLetter parks a message with its original bytes and headers and returns
// where. The same message is parked once, however often this is called.
func (c *Conn) DeadLetter(
	ctx context.Context, m events.Message, why events.Rejection, attempts uint64,
) (stream string, sequence uint64, err error) {
	ack, err := c.js.PublishMsg(ctx, deadLetter(m, why, attempts))
	c.published(DeadLetterSubject(m.Subject), err)
	if err != nil {
		return "", 0, fmt.Errorf("park message %d of %s: %w", m.Sequence, m.Stream, publishError(err))
	}
	return ack.Stream, ack.Sequence, nil
}

func deadLetter(m events.Message, why events.Rejection, attempts uint64) *nats.Msg {
	parked := &nats.Msg{Subject: DeadLetterSubject(m.Subject), Header: nats.Header{}, Data: m.Data}
	for name, values := range m.Header {
		if reserved(name) {
			name = headerOriginal + name
		}
		parked.Header[name] = values
	}
	parked.Header.Set(jetstream.MsgIDHeader, parkedID(m))
	parked.Header.Set(headerCode, string(why.Code))
	parked.Header.Set(headerReason, oneLine(why.Reason))
	parked.Header.Set(headerAttempts, strconv.FormatUint(attempts, 10))
	parked.Header.Set(headerStream, m.Stream)
	parked.Header.Set(headerSequence, strconv.FormatUint(m.Sequence, 10))
	parked.Header.Set(headerStored, m.Stored.UTC().Format(time.RFC3339Nano))
	return parked
}

// reserved tells the headers that must not be taken over as they are: those the
// server acts on, those a client takes for the server's, and ours.
func reserved(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "nats-") || strings.HasPrefix(name, "lazisync-") || name == "status"
}

// parkedID includes the time: a stream that lost its tail gives the same
// sequence out again, to another message.
func parkedID(m events.Message) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", m.Stream, m.Sequence, m.Stored.UnixNano()))
	return "dl-" + hex.EncodeToString(sum[:])[:32]
}

// DeadLetters calls fn for each dead letter, oldest first, until fn returns an error.
func (c *Conn) DeadLetters(ctx context.Context, fn func(DeadLetter) error) error {
	for sequence := uint64(1); ; {
		parked, err := c.parkedFrom(ctx, sequence)
		if errors.Is(err, ErrNoDeadLetter) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(parked); err != nil {
			return err
		}
		sequence = parked.Sequence + 1
	}
}

// DeadLetterAt reads one dead letter.
func (c *Conn) DeadLetterAt(ctx context.Context, sequence uint64) (DeadLetter, error) {
	parked, err := c.parkedFrom(ctx, sequence)
	if err == nil && parked.Sequence != sequence {
		err = ErrNoDeadLetter
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("dead letter %d: %w", sequence, err)
	}
	return parked, nil
}

// parkedFrom reads the first dead letter at or after a sequence.
func (c *Conn) parkedFrom(ctx context.Context, sequence uint64) (DeadLetter, error) {
	stream, err := c.reader(ctx, StreamDeadLetter)
	if err != nil {
		return DeadLetter{}, err
	}
	raw, err := stream.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(deadLetterPrefix+">"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return DeadLetter{}, ErrNoDeadLetter
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("read %s from %d: %w", StreamDeadLetter, sequence, err)
	}
	return unpark(raw), nil
}

// unpark reads a dead letter leniently: anyone may publish there.
func unpark(raw *jetstream.RawStreamMsg) DeadLetter {
	attempts, _ := strconv.ParseUint(raw.Header.Get(headerAttempts), 10, 64)
	sequence, _ := strconv.ParseUint(raw.Header.Get(headerSequence), 10, 64)
	stored, _ := time.Parse(time.RFC3339Nano, raw.Header.Get(headerStored))
	original := nats.Header{}
	for name, values := range raw.Header {
		if restored, was := strings.CutPrefix(name, headerOriginal); was {
			original[restored] = values
		} else if !reserved(name) {
			original[name] = values
		}
	}
	return DeadLetter{
		Sequence: raw.Sequence,
		At:       raw.Time,
		Code:     events.RejectCode(raw.Header.Get(headerCode)),
		Reason:   raw.Header.Get(headerReason),
		Attempts: attempts,
		Message: events.Message{
			Subject: strings.TrimPrefix(raw.Subject, deadLetterPrefix), Header: original, Data: raw.Data,
			Stream: raw.Header.Get(headerStream), Sequence: sequence, Stored: stored,
		},
	}
}
