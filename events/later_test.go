package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/events/eventstest"
)

func TestEventOfALaterVersionIsDecoded(t *testing.T) {
	t.Parallel()
	later := eventstest.Later(t, "..")
	require.Greater(t, len(later), 80)
	for _, l := range later {
		event, err := events.Decode(l.Message)
		require.NoError(t, err, l.Name)
		_, err = l.Definition.Read(event)
		require.NoError(t, err, l.Name)
		_, err = events.Encode(event)
		require.NoError(t, err, l.Name)
	}
}

func TestOtherEventVersionIsReported(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]bool{
		"com.lazi.sync.completed.v2": true, "com.lazi.sync.completed.v10": true,
		"com.lazi.sync.failed.v2": false, "com.lazi.sync.completed.vx": false, "com.lazi.sync.completed": false,
	} {
		_, err := events.Decode(events.Message{Subject: "sync.completed", Data: []byte(`{"specversion":"1.0","id":"1","source":"/x","type":"` + name + `","data":{}}`)})
		require.Error(t, err, name)
		require.Equal(t, other, errors.Is(err, events.ErrVersion), name)
	}
	_, err := events.Decode(events.Message{Subject: "sync.requested", Data: []byte(`{"specversion":"1.0","id":"1","source":"/x","type":"com.lazi.sync.requested.v2","data":{}}`)})
	var rejection *events.Rejection
	require.ErrorAs(t, err, &rejection, "a command is rejected, so that its sender learns of it")
}

// The pinned schemas are what other programs may have built in: copies of the schemas as
// they were first published in this form. They are never edited, only added to.
func TestEventsMatchThePinnedSchemas(t *testing.T) {
	t.Parallel()
	pinned := pinnedSchemas(t)
	for _, l := range eventstest.Later(t, "..") {
		data, err := json.Marshal(l.Data)
		require.NoError(t, err)
		require.NoError(t, judge(t, pinned[l.Definition.Schema], data), l.Name)
	}
	for _, d := range events.All() {
		if d.Command {
			continue
		}
		archive, err := txtar.ParseFile(filepath.Join("..", "schemas", "testdata", strings.TrimSuffix(d.Schema, ".json")+".txtar"))
		require.NoError(t, err)
		for _, file := range archive.Files {
			if strings.HasPrefix(file.Name, "valid/") {
				require.NoError(t, judge(t, pinned[d.Schema], file.Data), "%s %s", d.Subject, file.Name)
			}
		}
	}
}

func pinnedSchemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "schemas", "testdata", "pinned", "*.json"))
	require.NoError(t, err)
	pinned := map[string]*jsonschema.Schema{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		compiler := jsonschema.NewCompiler()
		compiler.AssertFormat()
		require.NoError(t, compiler.AddResource("pinned.json", document))
		compiled, err := compiler.Compile("pinned.json")
		require.NoError(t, err)
		pinned[filepath.Base(file)] = compiled
	}
	require.Len(t, pinned, len(events.All())-2)
	return pinned
}

func judge(t *testing.T, schema *jsonschema.Schema, data []byte) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return schema.Validate(value)
}
