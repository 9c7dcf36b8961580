package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// wrongRevision lists the server's errors for a message that expects another last sequence of its
// subject. A stream with several replicas returns the second one while another message is in
// flight.
var wrongRevision = []jetstream.ErrorCode{jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant}

// Incidents keeps what the notifiers know of open incidents, in the stream SYNC_INCIDENTS: the
// last value of each key, for 30 days. It is safe for concurrent use, also by several processes.
type Incidents struct{ conn *Conn }

// Incidents returns the values that all notifiers of this NATS share.
func (c *Conn) Incidents() Incidents { return Incidents{c} }

// Load returns the value of a key and its revision, nil and 0 if there is none.
func (i Incidents) Load(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	stream, err := i.conn.reader(ctx, StreamIncidents)
	if err != nil {
		return nil, 0, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, IncidentSubject(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read incident %q (the NATS user needs %s): %w", key, i.conn.readSubject(StreamIncidents), err)
	}
	return m.Data, m.Sequence, nil
}

// Store sets the value of a key. It stores nothing and returns false if the revision of the key
// is not the given one, because another process stored a value. The revision is 0 for a new key.
func (i Incidents) Store(ctx context.Context, key string, value []byte, revision uint64) (stored bool, err error) {
	m := &nats.Msg{Subject: IncidentSubject(key), Data: value}
	_, err = i.conn.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(revision))
	i.conn.recordPublish(m.Subject, err)
	var refused *jetstream.APIError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused) && slices.Contains(wrongRevision, refused.ErrorCode):
		return false, nil
	}
	return false, fmt.Errorf("store incident %q: %w", key, publishError(err))
}

// maxIncidentSubject bounds a subject: the server closes a connection that sends one of some
// thousand bytes.
const maxIncidentSubject = 250

// IncidentSubject returns the subject of a key. Bytes that have a meaning in subjects are
// escaped, and a long key is replaced by its hash.
func IncidentSubject(key string) string {
	var s strings.Builder
	s.WriteString(incidentPrefix)
	for _, b := range []byte(key) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '/':
			s.WriteByte(b)
		default:
			fmt.Fprintf(&s, "=%02X", b)
		}
	}
	if s.Len() > maxIncidentSubject {
		sum := sha256.Sum256([]byte(key))
		return incidentPrefix + hex.EncodeToString(sum[:])
	}
	return s.String()
}
