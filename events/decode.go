package events

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Message is what a NATS message says about an event.
type Message struct {
	Subject  string
	Header   map[string][]string
	Data     []byte
	Stream   string
	Sequence uint64
	Stored   time.Time // when the stream stored it; zero skips the check of the event's time
}

// Place names the message for ever: a stream that was lost and declared anew gives its
// sequences out again, but at other times.
func (m Message) Place() string {
	return fmt.Sprintf("%s-%d-%d", m.Stream, m.Sequence, m.Stored.UnixNano())
}

const (
	// MaxCommandSize is how many bytes a command may have.
	MaxCommandSize = 256 << 10
	// MaxSize is how many bytes our own events may have: the payload a NATS server takes by default.
	MaxSize = 1 << 20
	// HeaderFirstStored carries, on a replayed message, when the original was
	// stored (RFC 3339), so that an event does not grow old on the dead letter stream.
	HeaderFirstStored = "Lazisync-First-Stored"
)

// ErrVersion says that an event that lazisync sent has a version of its type which this
// build does not know. A reader ignores it: while two versions overlap, every event is
// published in both.
var ErrVersion = errors.New("unknown version of an event type")

// Decode reads the event a message carries: a CloudEvent in structured or in
// binary mode, or, for a command, its bare JSON data. What is not a proper event
// is a *Rejection; the Event then still holds the id and the source where these
// could be read. The data is checked by Type.Data.
//
// Commands are read strictly. Of what lazisync itself sends, what this build does not know
// is ignored: see docs/events.md, "Compatibility".
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
	envelope, rejection := open(m, header, definition)
	if rejection != nil {
		return Event{}, rejection
	}
	if !definition.Command && envelope.otherVersionOf(definition) {
		return Event{}, fmt.Errorf("%w: got %v on %s, want %s", ErrVersion, envelope.attributes["type"], m.Subject, definition.Name)
	}
	return envelope.event(definition, arrival(m, header, definition))
}

// open tells the three modes apart, by content type, then by header, then by body.
func open(m Message, header header, definition *Definition) (*envelope, *Rejection) {
	mediaType := header.mediaType()
	switch {
	case mediaType == "application/cloudevents+json":
		return structured(m.Data, !definition.Command)
	case strings.HasPrefix(mediaType, "application/cloudevents-batch"):
		return nil, badContentType(mediaType, "one event in a message, as application/cloudevents+json")
	case strings.HasPrefix(mediaType, "application/cloudevents"):
		return nil, badContentType(mediaType, "application/cloudevents+json")
	case header.binary():
		return binary(header, m.Data, !definition.Command), nil
	case mediaType != "" && !isJSON(mediaType):
		return nil, badContentType(mediaType, "application/cloudevents+json or application/json")
	}
	members, rejection := parseObject(m.Data)
	if rejection != nil {
		return nil, rejection
	}
	if !definition.Command || looksStructured(members) {
		return fromMembers(members, !definition.Command), nil
	}
	return bare(m, header, definition), nil
}

// otherVersionOf says whether the type is another version of a definition's.
func (e *envelope) otherVersionOf(definition *Definition) bool {
	name, _ := e.attributes["type"].(string)
	version, is := strings.CutPrefix(name, versionsOf(definition.Subject))
	_, err := strconv.ParseUint(version, 10, 16)
	return is && err == nil && name != definition.Name
}

// looksStructured tells a CloudEvent, also one without its specversion, from
// bare data: no command has two of these as fields.
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

// bare makes up the envelope of bare JSON data. The id is stable across
// redelivery, and the time in it keeps it from being used again when a stream
// loses its tail and hands out the same sequence numbers once more.
func bare(m Message, header header, definition *Definition) *envelope {
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

// arrival is when the command, or the one it replays, was stored. Our own events
// have none: an outcome is true however late it could be sent.
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
