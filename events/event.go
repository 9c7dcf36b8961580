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
	// ContentType is the Content-Type header of published events: structured mode.
	ContentType = "application/cloudevents+json; charset=UTF-8"

	headerContentType = "Content-Type"
	headerMsgID       = "Nats-Msg-Id"
	jsonType          = "application/json"
)

// Attributes are the attributes of a new event. ID and Source are required.
type Attributes struct {
	ID          string
	Source      string
	Subject     string    // the workflow ID, if there is one
	Time        time.Time // absent when zero
	TraceParent string    // the Distributed Tracing extension
	TraceState  string
}

// New creates an event. It returns an error if the attributes are invalid. It does not validate
// the data: TestPayloadsMatchTheirSchemas does for what lazisync sends, and a program that makes
// a command from the input of a user passes the event to a Validator. The error is never a
// *Rejection, which is for received events.
func (t Type[T]) New(a Attributes, data T) (Event, error) {
	fillLists(reflect.ValueOf(&data).Elem())
	encoded, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("encode data of %s: %w", t.Name, err)
	}
	event, err := a.envelope(t.Definition, encoded).event(t.Definition, time.Time{})
	if err != nil {
		return Event{}, fmt.Errorf("make %s: %s", t.Name, err.Error())
	}
	return event, nil
}

// Check returns an error if the data of an event does not match the schema of its type.
func Check(event Event) error {
	d, known := ByType(event.Type())
	if !known {
		return fmt.Errorf("event %q: type %q is not in the catalogue", event.ID(), event.Type())
	}
	_, err := d.Read(event)
	return err
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
		if value != "" && (name != "traceparent" || IsTraceParent(value)) { // the ledger may have one that an earlier version did not check
			e.set(name, value)
		}
	}
	if !a.Time.IsZero() {
		e.set("time", a.Time.UTC().Format(time.RFC3339Nano))
	}
	return e
}

// fillLists replaces nil slices by empty ones, because required arrays are [] in JSON, not null.
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

// Encode encodes an event in structured mode, as one JSON object.
func Encode(event Event) ([]byte, error) {
	var buffer bytes.Buffer
	if err := cloudevents.WriteJson(&event, &buffer); err != nil {
		return nil, fmt.Errorf("encode event %q: %w", event.ID(), err)
	}
	return buffer.Bytes(), nil
}

// Header returns the NATS header of an encoded event.
func Header(event Event) map[string][]string {
	return map[string][]string{
		headerContentType: {ContentType},
		headerMsgID:       {MsgID(event.Source(), event.ID())},
	}
}

// TraceParent returns the traceparent extension of an event, "" if it has none or an invalid one: it goes
// into every event of a run, and anyone may have sent it.
func TraceParent(event Event) string {
	value, _ := event.Extensions()["traceparent"].(string)
	if !IsTraceParent(value) {
		return ""
	}
	return value
}
