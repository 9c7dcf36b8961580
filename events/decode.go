package events

import (
	"bytes"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
)

// Message is what a NATS message says about an event.
type Message struct {
	Subject  string
	Header   map[string][]string
	Data     []byte
	Stream   string
	Sequence uint64
	Stored   time.Time // when the stream stored it
}

// Decode reads the event a message carries. What is not a proper event is a
// *Rejection; the Event then holds the id and source as far as they could be read.
func Decode(m Message) (Event, error) {
	var event Event
	if err := cloudevents.ReadJson(&event, bytes.NewReader(m.Data)); err != nil {
		return event, Reject(CodeBadEnvelope, FieldError{Got: err.Error(), Want: "a CloudEvent"})
	}
	return event, nil
}
