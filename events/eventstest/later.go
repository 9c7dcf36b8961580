package eventstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/schemas"
)

// Addition is the name of every property and the text of every value that is added.
const Addition = "addedLater"

// Event is an event that a later version may send.
type Event struct {
	Name       string // the subject, and what is added where
	Definition *events.Definition
	Data       map[string]any
	Message    events.Message
}

type object = map[string]any

// Later returns, for each event that lazisync sends: one event for each object in its
// schema, the envelope included, with a property added to that object, and one for each
// open set of values, with a value of which this version does not know. The ids differ. Root
// is the folder of the repository.
func Later(t testing.TB, root string) []Event {
	t.Helper()
	var list []Event
	for _, d := range events.All() {
		if d.Command {
			continue
		}
		l := later{t: t, Definition: d, examples: examples(t, root, d)}
		l.schema = l.read()
		l.envelopes()
		l.walk(l.schema, nil)
		list = append(list, l.made...)
	}
	return list
}

// later makes the events of one definition.
type later struct {
	t testing.TB
	*events.Definition
	schema   object
	examples []string
	made     []Event
}

func (l *later) read() object {
	raw, err := schemas.Files.ReadFile(l.Schema)
	require.NoError(l.t, err)
	var document object
	require.NoError(l.t, json.Unmarshal(raw, &document))
	return document
}

// examples are the valid documents beside a schema.
func examples(t testing.TB, root string, d *events.Definition) (list []string) {
	archive, err := txtar.ParseFile(filepath.Join(root, "schemas", "testdata", strings.TrimSuffix(d.Schema, ".json")+".txtar"))
	require.NoError(t, err)
	for _, file := range archive.Files {
		if strings.HasPrefix(file.Name, "valid/") {
			list = append(list, string(file.Data))
		}
	}
	return list
}

// envelopes adds attributes: proper ones, and some that no attribute of today looks like.
func (l *later) envelopes() {
	for name, value := range map[string]any{
		strings.ToLower(Addition): Addition, Addition: Addition, "added_later": true, "addedlater": 1 << 40, "added": object{Addition: []any{1}},
	} {
		l.add(fmt.Sprintf("envelope, %s: %T", name, value), l.parse(l.examples[0]), object{name: value})
	}
}

// walk goes through a schema; steps lead from the data to the value that node describes, "[]"
// into every item of an array.
func (l *later) walk(node object, steps []string) {
	node = l.resolve(node)
	switch node["type"] {
	case "object":
		l.change(append(slices.Clone(steps), Addition), object{Addition: []any{1, "two", nil}})
		properties, _ := node["properties"].(object)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			property, _ := properties[name].(object)
			inner := append(slices.Clone(steps), name)
			l.illustrate(property, inner)
			l.walk(property, inner)
		}
	case "array":
		items, _ := node["items"].(object)
		l.walk(items, append(slices.Clone(steps), "[]"))
	case "string":
		if _, known := node["examples"]; known {
			l.change(steps, Addition)
		}
	}
}

func (l *later) resolve(node object) object {
	if reference, ok := node["$ref"].(string); ok {
		defs, _ := l.schema["$defs"].(object)
		node, _ = defs[strings.TrimPrefix(reference, "#/$defs/")].(object)
	}
	return node
}

// illustrate makes another example where none has an optional object.
func (l *later) illustrate(node object, steps []string) {
	node = l.resolve(node)
	if node["type"] != "object" || slices.ContainsFunc(l.examples, func(e string) bool {
		return set(l.parse(e), append(slices.Clone(steps), Addition), true)
	}) {
		return
	}
	value := object{}
	required, _ := node["required"].([]any)
	for _, name := range required {
		value[name.(string)] = "text" // all required properties of optional objects are texts
	}
	for _, example := range l.examples {
		if data := l.parse(example); place(data, steps, value) {
			encoded, err := json.Marshal(data)
			require.NoError(l.t, err)
			l.examples = append(l.examples, string(encoded))
			return
		}
	}
}

// change makes an event of the first example that has the place to change.
func (l *later) change(steps []string, value any) {
	path := strings.Join(steps, ".")
	for _, example := range l.examples {
		data := l.parse(example)
		if set(data, steps, value) {
			l.add(path, data, nil)
			return
		}
	}
	require.Fail(l.t, "no valid example of "+l.Subject+" has "+path)
}

func (l *later) parse(text string) object {
	var data object
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	require.NoError(l.t, decoder.Decode(&data))
	return data
}

// set sets a property below a value, in every item of an array, and says whether it was
// there, or is an addition to an object that is.
func set(at any, steps []string, value any) bool {
	return visit(at, steps, func(o object, name string) bool {
		_, known := o[name]
		o[name] = value
		return known || name == Addition
	})
}

// place sets a property below a value whether it was there or not.
func place(at any, steps []string, value any) bool {
	return visit(at, steps, func(o object, name string) bool { o[name] = value; return true })
}

func visit(at any, steps []string, last func(o object, name string) bool) bool {
	switch container := at.(type) {
	case object:
		if len(steps) == 1 {
			return last(container, steps[0])
		}
		return visit(container[steps[0]], steps[1:], last)
	case []any:
		done := false
		for _, item := range container {
			if visit(item, steps[1:], last) {
				done = true
			}
		}
		return done
	}
	return false
}

func (l *later) add(name string, data, attributes object) {
	event := object{
		"specversion": "1.0", "id": fmt.Sprintf("later/%s/%d", l.Subject, len(l.made)), "source": "/lazisync", "type": l.Definition.Name,
		"time": "2026-01-01T10:00:10Z", "data": data,
	}
	maps.Copy(event, attributes)
	encoded, err := json.Marshal(event)
	require.NoError(l.t, err)
	l.made = append(l.made, Event{
		Name: l.Subject + ": " + name, Definition: l.Definition, Data: data,
		Message: events.Message{
			Subject: l.Subject, Data: encoded, Stream: "SYNC_EVENTS", Sequence: uint64(len(l.made) + 1),
			Header: map[string][]string{"Content-Type": {events.ContentType}},
		},
	})
}
