package events

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Message is a NATS message with the metadata of the stream that stored it.
type Message struct {
	Subject  string
	Header   map[string][]string
	Data     []byte
	Stream   string
	Sequence uint64
	Stored   time.Time // when the stream stored it; the zero value skips the check of the event time
}

// Place returns a unique name of the message: <stream>-<sequence>-<stored time in ns>. The
// time keeps it unique after the stream is deleted and created again, which restarts its
// sequence.
func (m Message) Place() string {
	return fmt.Sprintf("%s-%d-%d", m.Stream, m.Sequence, m.Stored.UnixNano())
}

// ParsePlace returns the stream, the sequence and the stored time of a Message.Place.
func ParsePlace(place string) (stream string, sequence uint64, stored time.Time, err error) {
	rest, nanoseconds := cutLast(place)
	stream, number := cutLast(rest)
	at, err := strconv.ParseInt(nanoseconds, 10, 64)
	if err == nil {
		sequence, err = strconv.ParseUint(number, 10, 64)
	}
	if err != nil || stream == "" {
		return "", 0, time.Time{}, fmt.Errorf("place of a message: got %q, want <stream>-<sequence>-<stored time in ns>", place)
	}
	return stream, sequence, time.Unix(0, at), nil
}

// cutLast cuts a text at its last hyphen.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, '-')
	return s[:max(i, 0)], s[i+1:]
}

const (
	// MaxCommandSize is the maximum size of a command, in bytes.
	MaxCommandSize = 256 << 10
	// MaxSize is the maximum size of other events, in bytes: the default max_payload of a
	// NATS server.
	MaxSize = 1 << 20
	// HeaderFirstStored is the header of a replayed message that says when the original was
	// stored (RFC 3339), so that an event does not expire on the dead-letter stream.
	HeaderFirstStored = "Lazisync-First-Stored"
)

// ErrVersion reports that the type of an event from lazisync has a version that this build
// does not know. Ignore such an event: while two versions overlap, lazisync publishes every
// event in both.
var ErrVersion = errors.New("unknown version of an event type")

// Decode returns the event in a message: a CloudEvent in structured or binary mode or, for
// a command, bare JSON data. The error for an invalid envelope is a *Rejection; the Event
// then has the id and the source if they are valid. Decode does not validate the data, see
// Type.Data.
//
// Commands are decoded strictly. In other events, Decode ignores what this build does not
// know: see docs/events.md, "Compatibility".
func Decode(m Message) (Event, error) {
	definition, known := BySubject(m.Subject)
	if !known {
		return Event{}, Reject(CodeTypeMismatch, unknownSubject(m.Subject))
	}
	if limit := definition.limit(); len(m.Data) > limit {
		got, want := fmt.Sprintf("%d bytes", len(m.Data)), fmt.Sprintf("at most %d", limit)
		return Event{}, Reject(CodeTooLarge, FieldError{Got: got, Want: want})
	}
	m.Data = TrimBOM(m.Data)
	header, rejection := readHeader(m.Header)
	if rejection != nil {
		return Event{}, rejection
	}
	envelope, rejection := openEnvelope(m, header, definition)
	if rejection != nil {
		return Event{}, rejection
	}
	if !definition.Command && envelope.otherVersionOf(definition) {
		return Event{}, fmt.Errorf("%w: got %v on %s, want %s", ErrVersion, envelope.attributes["type"], m.Subject, definition.Name)
	}
	return envelope.event(definition, arrival(m, header, definition))
}

// openEnvelope chooses between the three content modes: by content type, then by header,
// then by body.
func openEnvelope(m Message, header header, definition *Definition) (*envelope, *Rejection) {
	mediaType := header.mediaType()
	switch {
	case mediaType == "application/cloudevents+json":
		return structuredEnvelope(m.Data, !definition.Command)
	case strings.HasPrefix(mediaType, "application/cloudevents-batch"):
		return nil, badContentType(mediaType, "one event in a message, as application/cloudevents+json")
	case strings.HasPrefix(mediaType, "application/cloudevents"):
		return nil, badContentType(mediaType, "application/cloudevents+json")
	case header.isBinary():
		return binaryEnvelope(header, m.Data, !definition.Command), nil
	case mediaType != "" && !isJSON(mediaType):
		return nil, badContentType(mediaType, "application/cloudevents+json or application/json")
	}
	members, rejection := parseObject(m.Data)
	if rejection != nil {
		return nil, rejection
	}
	if !definition.Command || looksStructured(members) {
		return envelopeOf(members, !definition.Command), nil
	}
	return bareEnvelope(m, header, definition), nil
}

// otherVersionOf reports whether the type is another version of the type of a definition.
func (e *envelope) otherVersionOf(definition *Definition) bool {
	name, _ := e.attributes["type"].(string)
	version, is := strings.CutPrefix(name, versionsOf(definition.Subject))
	_, err := strconv.ParseUint(version, 10, 16)
	return is && err == nil && name != definition.Name
}

// looksStructured reports whether an object is a CloudEvent, even without specversion,
// rather than bare data: no command has two of these fields.
func looksStructured(members []member) bool {
	found := 0
	for _, member := range members {
		switch member.name {
		case "specversion":
			return true
		case "id", "source", "type", "data", "data_base64":
			found++
		}
	}
	return found >= 2
}

// bareEnvelope returns an envelope for bare JSON data. The id is stable across redelivery.
// The time in it keeps it unique when a stream loses its last messages and assigns the same
// sequence numbers again.
func bareEnvelope(m Message, header header, definition *Definition) *envelope {
	id := header[keyMsgID]
	if id == "" {
		id = m.Place()
	}
	e := &envelope{data: m.Data}
	e.set("specversion", specVersion)
	e.set("id", id)
	e.set("source", "nats://"+m.Stream)
	e.set("type", definition.Name)
	return e
}

// arrival returns when the command, or the one that it replays, was stored. It is zero for
// other events, which do not expire: an outcome stays true however late it is published.
func arrival(m Message, header header, definition *Definition) time.Time {
	if !definition.Command {
		return time.Time{}
	}
	if first, err := time.Parse(time.RFC3339Nano, header[keyFirstStored]); err == nil {
		return first
	}
	return m.Stored
}

func unknownSubject(subject string) FieldError {
	subjects := make([]string, len(catalogue))
	for i, d := range catalogue {
		subjects[i] = d.Subject
	}
	want, ok := Nearest(subject, subjects)
	if !ok {
		want = "one of " + strings.Join(subjects, ", ")
	}
	return FieldError{Path: "NATS subject", Got: quote(subject), Want: want}
}

func badContentType(got, want string) *Rejection {
	return Reject(CodeBadEnvelope, FieldError{Path: "Content-Type", Got: quote(got), Want: want})
}
