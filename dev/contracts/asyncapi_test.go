package contracts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/schemas"
)

// object is a JSON object.
type object = map[string]any

func deadLetter(d *events.Definition) string { return "deadletter." + d.Subject }

// Examples returns the archive of examples of an event type.
type Examples func(d *events.Definition) ([]byte, error)

// asyncAPI is the document that describes every event: made from the catalogue, the
// JSON Schemas and the examples beside them. It holds the schemas, so that it can be
// read where no other file is.
func asyncAPI(examples Examples) ([]byte, error) {
	doc := &asyncDocument{channels: object{}, operations: object{}, messages: object{}, schemas: object{"cloudevent": cloudEvent()}}
	for _, d := range events.All() {
		if err := doc.add(d, examples); err != nil {
			return nil, fmt.Errorf("describe %s: %w", d.Subject, err)
		}
	}
	return indented(object{
		"asyncapi":           "3.0.0",
		"id":                 "urn:lazisync:events",
		"info":               asyncInfo(),
		"defaultContentType": "application/cloudevents+json",
		"servers": object{"nats": object{
			"host": "127.0.0.1:4222", "protocol": "nats", "description": "NATS with JetStream, as NATS_URL says.",
		}},
		"channels":   doc.channels,
		"operations": doc.operations,
		"components": object{"messages": doc.messages, "schemas": doc.schemas},
	})
}

func asyncInfo() object {
	return object{
		"title":   "lazisync events",
		"version": "1.0.0",
		"description": "Ask for a sync with sync.requested, control it with sync.control, and receive an event for everything that happens. " +
			"Events are CloudEvents 1.0 in JetStream, sent in structured mode. Publish with a Nats-Msg-Id or an event id of your own: " +
			"the identity of an event is (source, id), and consumers dedupe by it.",
	}
}

type asyncDocument struct {
	channels, operations, messages, schemas object
}

func (doc *asyncDocument) add(d *events.Definition, examples Examples) error {
	bundled, name, title, err := bundle(d)
	if err != nil {
		return err
	}
	archive, err := examples(d)
	if err != nil {
		return err
	}
	valid := validExamples(archive)
	if len(valid) == 0 {
		return errors.New("there is no valid example of it")
	}
	key := strings.TrimSuffix(d.Schema, ".json")
	doc.schemas[key] = bundled
	doc.schemas[key+".event"] = object{"title": name + "Event", "allOf": []any{
		ref("schemas", "cloudevent"),
		object{"type": "object", "properties": object{
			"type":       object{"const": d.Name},
			"dataschema": object{"const": d.DataSchema()},
			"data":       ref("schemas", key),
		}},
	}}
	forms := []string{key}
	doc.messages[key] = structured(d, key, title, valid)
	if d.Command {
		forms = append(forms, key+".binary", key+".bare")
		doc.messages[key+".binary"] = binary(d, key, title, valid[0])
		doc.messages[key+".bare"] = bare(d, key, title, valid[0])
		doc.addDeadLetter(d)
	}
	in, stored := stream.StreamFor(d.Subject)
	if !stored {
		return errors.New("no stream stores it")
	}
	doc.channel(d.Subject, in, title, forms...)
	action, verb := "send", "tells"
	if d.Command {
		action, verb = "receive", "takes"
	}
	doc.operations[d.Subject] = object{
		"action": action, "channel": ref("channels", d.Subject), "summary": "lazisync " + verb + ": " + title,
	}
	return nil
}

func (doc *asyncDocument) channel(subject, in, title string, forms ...string) {
	messages := object{}
	for _, form := range forms {
		messages[form] = ref("messages", form)
	}
	doc.channels[subject] = object{
		"address": subject, "title": title, "servers": []any{ref("servers", "nats")}, "messages": messages,
		"x-jetstream": object{"stream": in},
	}
}

// addDeadLetter describes the stream of commands that can never succeed.
func (doc *asyncDocument) addDeadLetter(d *events.Definition) {
	subject, text := deadLetter(d), object{"type": "string"}
	doc.messages[subject] = object{
		"name": subject, "title": "A rejected " + d.Subject, "contentType": "application/octet-stream",
		"summary": "The message as it came, byte for byte. Headers that would mean something to the server are renamed Lazisync-Original-….",
		"headers": object{"type": "object", "required": []string{"Lazisync-Code", "Lazisync-Reason"}, "properties": object{
			"Lazisync-Code":     object{"type": "string", "description": "As code of sync.rejected."},
			"Lazisync-Reason":   object{"type": "string", "description": "Why, for people."},
			"Lazisync-Attempts": text, "Lazisync-Stream": text, "Lazisync-Sequence": text, "Lazisync-Stored": text,
			"Lazisync-Headers-Omitted": object{"type": "string", "description": "How many headers of the message are missing, because NATS stores at most 64 KiB of headers."},
		}},
	}
	doc.channel(subject, stream.StreamDeadLetter, "Rejected "+d.Subject, subject)
	doc.operations[subject] = object{
		"action": "send", "channel": ref("channels", subject), "summary": "lazisync dead-letters rejected commands",
	}
}

func structured(d *events.Definition, key, title string, valid []example) object {
	var list []any
	for _, e := range valid {
		list = append(list, object{"name": e.name, "headers": object{"Content-Type": events.ContentType}, "payload": event(d, e.data)})
	}
	return object{
		"name": d.Name, "title": title, "contentType": "application/cloudevents+json",
		"summary":  "A CloudEvent in structured mode: the whole event is the payload.",
		"headers":  object{"type": "object", "properties": object{"Content-Type": object{"const": events.ContentType}, "Nats-Msg-Id": messageID}},
		"payload":  ref("schemas", key+".event"),
		"examples": list,
	}
}

func binary(d *events.Definition, key, title string, e example) object {
	text := object{"type": "string"}
	return object{
		"name": d.Name + ".binary", "title": title, "contentType": "application/json",
		"summary": "A CloudEvent in binary mode: attributes are headers, the payload is the data.",
		"headers": object{
			"type": "object", "required": []string{"ce-specversion", "ce-id", "ce-source", "ce-type"},
			"properties": object{
				"ce-specversion": object{"const": "1.0"}, "ce-id": text, "ce-source": text, "ce-type": object{"const": d.Name},
				"ce-time": text, "ce-traceparent": text, "Nats-Msg-Id": messageID,
			},
		},
		"payload": ref("schemas", key),
		"examples": []any{object{"name": e.name, "payload": e.data, "headers": object{
			"ce-specversion": "1.0", "ce-id": "2026-01-01", "ce-source": "/my/program", "ce-type": d.Name,
		}}},
	}
}

func bare(d *events.Definition, key, title string, e example) object {
	return object{
		"name": d.Name + ".bare", "title": title, "contentType": "application/json",
		"summary":  "The data alone, for a person at a terminal. Its id is the Nats-Msg-Id, or follows from its place in the stream.",
		"headers":  object{"type": "object", "properties": object{"Nats-Msg-Id": messageID}},
		"payload":  ref("schemas", key),
		"examples": []any{object{"name": e.name, "payload": e.data}},
	}
}

var messageID = object{"type": "string", "description": "JetStream stores one message with an id within 24 hours."}

// event puts example data into a CloudEvent as lazisync, or for a command somebody
// else, would send it.
func event(d *events.Definition, data json.RawMessage) object {
	e := object{
		"specversion": "1.0", "type": d.Name, "time": "2026-01-01T10:00:10Z", "dataschema": d.DataSchema(),
		"datacontenttype": "application/json", "data": data,
	}
	if d.Command {
		e["source"], e["id"] = "/my/program", "2026-01-01"
		return e
	}
	var about struct {
		WorkflowID string `json:"workflowId"`
		RequestID  string `json:"requestId"`
		RunID      string `json:"runId"`
		RunNumber  int64  `json:"runNumber"`
	}
	_ = json.Unmarshal(data, &about) // the example was validated; what is absent stays empty
	run := ledger.Run{FirstRunID: about.RunID, Pass: 1}
	if about.RunID == "" {
		run = ledger.Run{FirstRunID: ledger.WithdrawnPrefix + "0c4f5e86-8a4c-4f0e-9d4b-4f1c3a1f7c55"}
	}
	e["source"], e["id"] = ledger.Source, run.EventID(d.Name)
	if about.RunNumber == 0 {
		e["id"] = about.RequestID + "/" + strings.TrimPrefix(d.Subject, "sync.")
	}
	if about.WorkflowID != "" {
		e["subject"] = about.WorkflowID
	}
	return e
}

func cloudEvent() object {
	text := func(description string) object {
		return object{"type": "string", "minLength": 1, "description": description}
	}
	return object{
		"title": "CloudEvent", "type": "object", "description": "A CloudEvent 1.0 in the JSON format.",
		"required": []string{"specversion", "id", "source", "type", "data"},
		"properties": object{
			"specversion": object{"const": "1.0"},
			"id":          text("With source the identity of the event."),
			"source":      text("Who published it."),
			"type":        text("com.lazi.<subject>.v1"),
			"subject":     text("The workflow ID, on events about one."),
			"time":        object{"type": "string", "format": "date-time"},

			"datacontenttype": object{"const": "application/json"},
			"dataschema":      text("The JSON Schema of data."),
			"traceparent":     text("W3C trace context. lazisync copies it to the events about the command."),
			"data":            object{"type": "object"},
		},
	}
}

var identity = regexp.MustCompile(`(?m)^  "\$(schema|id)": .*\n`)

// bundle takes a schema into the document: the same rules, with references that hold there.
// The title is the first sentence of its description.
func bundle(d *events.Definition) (bundled json.RawMessage, name, title string, err error) {
	raw, err := schemas.Files.ReadFile(d.Schema)
	if err != nil {
		return nil, "", "", err
	}
	var about struct {
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	if err := json.Unmarshal(raw, &about); err != nil {
		return nil, "", "", fmt.Errorf("%s: %w", d.Schema, err)
	}
	here := "#/components/schemas/" + strings.TrimSuffix(d.Schema, ".json") + "/"
	raw = identity.ReplaceAll(raw, nil)
	title, _, _ = strings.Cut(about.Description, ". ")
	return bytes.ReplaceAll(raw, []byte(`"#/`), []byte(`"`+here)), about.Title, strings.TrimSuffix(title, "."), nil
}

type example struct {
	name string
	data json.RawMessage
}

func validExamples(archive []byte) (list []example) {
	for _, file := range txtar.Parse(archive).Files {
		if name, ok := strings.CutPrefix(file.Name, "valid/"); ok {
			list = append(list, example{strings.TrimSuffix(name, ".json"), file.Data})
		}
	}
	return list
}

func ref(kind, name string) object {
	if kind == "messages" || kind == "schemas" {
		kind = "components/" + kind
	}
	return object{"$ref": "#/" + kind + "/" + name}
}

func indented(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(value)
	return b.Bytes(), err
}
