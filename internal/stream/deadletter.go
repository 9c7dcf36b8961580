package stream

import (
	"cmp"
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
	"github.com/lazi/lazisync/internal/failpoint"
)

// Headers of a dead letter.
const (
	headerCode     = "Lazisync-Code"
	headerReason   = "Lazisync-Reason"
	headerAttempts = "Lazisync-Attempts"
	headerStream   = "Lazisync-Stream"
	headerSequence = "Lazisync-Sequence"
	headerStored   = "Lazisync-Stored"
	headerOmitted  = "Lazisync-Headers-Omitted" // number of original headers for which there was no room
	// headerOriginal is the prefix of original headers that the server or lazisync would
	// interpret.
	headerOriginal = "Lazisync-Original-"
)

// DeadLetterSubject returns the subject of dead letters for a subject.
func DeadLetterSubject(subject string) string { return deadLetterPrefix + subject }

// DeadLetter writes a message with its original body and headers to the dead-letter stream and
// returns its place there. Headers for which there is no room are omitted. It is idempotent.
func (c *Conn) DeadLetter(
	ctx context.Context, m events.Message, why events.Rejection, attempts uint64,
) (stream string, sequence uint64, err error) {
	ack, err := c.js.PublishMsg(ctx, encodeDeadLetter(m, why, attempts))
	err = cmp.Or(err, failpoint.Error("nats/dead-lettered", nats.ErrTimeout))
	c.recordPublish(DeadLetterSubject(m.Subject), err)
	if err != nil {
		return "", 0, fmt.Errorf("dead-letter message %d of %s: %w", m.Sequence, m.Stream, publishError(err))
	}
	return ack.Stream, ack.Sequence, nil
}

func encodeDeadLetter(m events.Message, why events.Rejection, attempts uint64) *nats.Msg {
	return &nats.Msg{Subject: DeadLetterSubject(m.Subject), Header: deadLetterHeader(m, why, attempts), Data: m.Data}
}

// isReserved reports whether a header must not be copied unchanged: it belongs to the server,
// looks to a client as if it did, or belongs to lazisync.
func isReserved(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "nats-") || strings.HasPrefix(name, "lazisync-") || name == "status"
}

// deadLetterID returns the message id of a dead letter. It includes the time, because a stream
// that lost its latest messages assigns their sequences again.
func deadLetterID(m events.Message) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", m.Stream, m.Sequence, m.Stored.UnixNano()))
	return "dl-" + hex.EncodeToString(sum[:])[:32]
}

// DeadLetters calls fn for each dead letter, oldest first, until fn returns an error.
func (c *Conn) DeadLetters(ctx context.Context, fn func(events.RejectedMessage) error) error {
	for sequence := uint64(1); ; {
		deadLetter, err := c.deadLetterFrom(ctx, sequence)
		if errors.Is(err, events.ErrNoDeadLetter) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(deadLetter); err != nil {
			return err
		}
		sequence = deadLetter.Sequence + 1
	}
}

// DeadLetterAt reads one dead letter. It returns events.ErrNoDeadLetter if there is none.
func (c *Conn) DeadLetterAt(ctx context.Context, sequence uint64) (events.RejectedMessage, error) {
	deadLetter, err := c.deadLetterFrom(ctx, sequence)
	if err == nil && deadLetter.Sequence != sequence {
		err = events.ErrNoDeadLetter
	}
	if err != nil {
		return events.RejectedMessage{}, fmt.Errorf("dead letter %d: %w", sequence, err)
	}
	return deadLetter, nil
}

// deadLetterFrom reads the first dead letter at or after a sequence.
func (c *Conn) deadLetterFrom(ctx context.Context, sequence uint64) (events.RejectedMessage, error) {
	stream, err := c.reader(ctx, StreamDeadLetter)
	if err != nil {
		return events.RejectedMessage{}, err
	}
	raw, err := stream.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(deadLetterPrefix+">"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return events.RejectedMessage{}, events.ErrNoDeadLetter
	}
	if err != nil {
		return events.RejectedMessage{}, fmt.Errorf("read %s from %d: %w", StreamDeadLetter, sequence, err)
	}
	return decodeDeadLetter(raw), nil
}

// decodeDeadLetter ignores malformed headers, because other clients may write dead letters.
func decodeDeadLetter(raw *jetstream.RawStreamMsg) events.RejectedMessage {
	attempts, _ := strconv.ParseUint(raw.Header.Get(headerAttempts), 10, 64)
	sequence, _ := strconv.ParseUint(raw.Header.Get(headerSequence), 10, 64)
	stored, _ := time.Parse(time.RFC3339Nano, raw.Header.Get(headerStored))
	original := nats.Header{}
	for name, values := range raw.Header {
		if restored, found := strings.CutPrefix(name, headerOriginal); found {
			original[restored] = values
		} else if !isReserved(name) {
			original[name] = values
		}
	}
	return events.RejectedMessage{
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
