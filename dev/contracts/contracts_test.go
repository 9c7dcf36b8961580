package contracts

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/schemas"
)

var update = flag.Bool("update", false, "write the generated documents")

func TestGeneratedDocumentsAreCurrent(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	async, err := asyncAPI(func(d *events.Definition) ([]byte, error) {
		return os.ReadFile(filepath.Join(root, "schemas", "testdata", strings.TrimSuffix(d.Schema, ".json")+".txtar"))
	})
	require.NoError(t, err)
	for path, want := range map[string][]byte{".env.example": []byte(envExample()), "schemas/asyncapi.json": async} {
		path := filepath.Join(root, path)
		if *update {
			require.NoError(t, os.WriteFile(path, want, 0o644))
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%s is stale: go generate ./contracts in dev/", path)
	}
}

func TestOpenAPIDocumentIsValid(t *testing.T) {
	t.Parallel()
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData(schemas.OpenAPI)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(document.OpenAPI, "3.1."))
	require.NoError(t, document.Validate(loader.Context))
}

// document is asyncapi.json, as far as the tests look into it.
type document struct {
	AsyncAPI   string
	Channels   map[string]channel
	Operations map[string]struct {
		Action  string
		Channel reference
	}
	Components struct {
		Messages map[string]message
		Schemas  map[string]json.RawMessage
	}
}

type reference struct {
	Ref string `json:"$ref"`
}

type channel struct {
	Address  string
	Messages map[string]reference
}

type message struct {
	Name     string
	Payload  reference
	Examples []struct {
		Name    string
		Headers map[string]string
		Payload json.RawMessage
	}
}

func readAsyncAPI(t *testing.T) document {
	t.Helper()
	var d document
	require.NoError(t, json.Unmarshal(schemas.AsyncAPI, &d))
	return d
}

func TestAsyncAPIDocumentHasEverySubject(t *testing.T) {
	t.Parallel()
	d := readAsyncAPI(t)
	require.Equal(t, "3.0.0", d.AsyncAPI)
	for _, definition := range events.All() {
		c, described := d.Channels[definition.Subject]
		require.True(t, described, definition.Subject)
		require.Equal(t, definition.Subject, c.Address)
		forms, action := 1, "send"
		if definition.Command {
			forms, action = 3, "receive"
			require.Contains(t, d.Channels, "deadletter."+definition.Subject)
		}
		require.Len(t, c.Messages, forms)
		require.Equal(t, action, d.Operations[definition.Subject].Action)
		require.Equal(t, "#/channels/"+definition.Subject, d.Operations[definition.Subject].Channel.Ref)
	}
	require.Len(t, d.Channels, len(events.All())+2)
}

// Each example is decoded as if it had come from NATS, and judged by its schema.
func TestAsyncAPIExamplesAreValid(t *testing.T) {
	t.Parallel()
	d := readAsyncAPI(t)
	tried := 0
	for _, definition := range events.All() {
		for form := range d.Channels[definition.Subject].Messages {
			for _, e := range d.Components.Messages[form].Examples {
				tried++
				headers := map[string][]string{}
				for name, value := range e.Headers {
					headers[name] = []string{value}
				}
				event, err := events.Decode(events.Message{Subject: definition.Subject, Header: headers, Data: e.Payload, Stream: "S", Sequence: 1})
				require.NoError(t, err, "%s %s", form, e.Name)
				require.Equal(t, definition.Name, event.Type())
				_, err = definition.Read(event)
				require.NoError(t, err, "%s %s", form, e.Name)
			}
		}
	}
	require.Greater(t, tried, 30)
}

func TestAsyncAPIReferencesResolve(t *testing.T) {
	t.Parallel()
	var whole any
	require.NoError(t, json.Unmarshal(schemas.AsyncAPI, &whole))
	seen := 0
	each(whole, func(ref string) {
		seen++
		at := whole
		for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			inner, ok := at.(map[string]any)
			require.True(t, ok && inner[step] != nil, "%s leads nowhere at %s", ref, step)
			at = inner[step]
		}
	})
	require.Greater(t, seen, 50)
}

func each(value any, found func(ref string)) {
	switch v := value.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			found(ref)
		}
		for _, inner := range v {
			each(inner, found)
		}
	case []any:
		for _, inner := range v {
			each(inner, found)
		}
	}
}

// Every variable is in .env.example once, and no secret has a value there.
func TestEnvExampleHasEveryVariable(t *testing.T) {
	t.Parallel()
	text := envExample()
	for _, v := range config.Variables {
		name := "\n" + v.Name + "="
		require.Equal(t, 1, strings.Count(text, name)+strings.Count(text, "\n#"+v.Name+"="), v.Name)
		if v.Secret {
			require.True(t, strings.Contains(text, name+"\n") || strings.Contains(text, "\n#"+v.Name+"=\n"), v.Name)
		}
	}
	// It is read by shells too.
	require.False(t, bytes.ContainsAny([]byte(text), "`$"))
}
