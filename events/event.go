package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
)

// Event is a CloudEvent.
type Event = cloudevents.Event

const (
	// ContentType is the Content-Type header of what is sent: structured mode.
	ContentType = "application/cloudevents+json; charset=UTF-8"

	headerContentType = "Content-Type"
	headerMsgID       = "Nats-Msg-Id"
	jsonType          = "application/json"
)

// Attributes are what New cannot know by itself. ID and Source are required.
type Attributes struct {
	ID          string
	Source      string
	Subject     string    // the workflow ID, where there is one
	Time        time.Time // absent when zero
	TraceParent string    // the Distributed Tracing extension
	TraceState  string
}

// New makes an event that is ready to be sent. It refuses what Decode and Data
// would refuse, so that nobody downstream has to. Its error is no *Rejection:
// that is what becomes of an event that came in.
func (t Type[T]) New(a Attributes, data T) (Event, error) {
	fillLists(reflect.ValueOf(&data).Elem())
	encoded, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("encode data of %s: %w", t.Name, err)
	}
	event, err := a.envelope(t.Definition, encoded).event(t.Definition, time.Time{})
	if err == nil {
		_, err = t.Data(event)
	}
	if err != nil {
		return Event{}, fmt.Errorf("make %s: %s", t.Name, err.Error())
	}
	return event, nil
}

func (a Attributes) envelope(d *Definition, data []byte) *envelope {
	e := &envelope{data: data}
	e.set("specversion", specVersion)
	e.set("type", d.Name)
	e.set("datacontenttype", jsonType)
	e.set("dataschema", d.DataSchema())
	for name, value := range map[string]string{
		"id": a.ID, "source": a.Source, "subject": a.Subject, "traceparent": a.TraceParent, "tracestate": a.TraceState,
	} {
		if value != "" {
			e.set(name, value)
		}
	}
	if !a.Time.IsZero() {
		e.set("time", a.Time.UTC().Format(time.RFC3339Nano))
	}
	return e
}

// fillLists turns nil lists into empty ones: required lists are [] on the wire, never null.
func fillLists(payload reflect.Value) {
	for _, field := range payload.Fields() {
		switch field.Kind() {
		case reflect.Struct:
			fillLists(field)
		case reflect.Slice:
			if field.IsNil() {
				field.Set(reflect.MakeSlice(field.Type(), 0, 0))
			}
		}
	}
}

// Encode writes an event in structured mode, as one JSON object.
func Encode(event Event) ([]byte, error) {
	var buffer bytes.Buffer
	if err := cloudevents.WriteJson(&event, &buffer); err != nil {
		return nil, fmt.Errorf("encode event %q: %w", event.ID(), err)
	}
	return buffer.Bytes(), nil
}

// Header is the NATS header an encoded event is sent with.
func Header(event Event) map[string][]string {
	return map[string][]string{
		headerContentType: {ContentType},
		headerMsgID:       {MsgID(event.Source(), event.ID())},
	}
}

// TraceParent is the traceparent extension of an event, or "".
func TraceParent(event Event) string {
	value, _ := event.Extensions()["traceparent"].(string)
	return value
}
