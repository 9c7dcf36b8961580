package events

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

// envelopeAround puts data into a CloudEvent of the definition's type.
func envelopeAround(d *Definition, data []byte) Message {
	return Message{Subject: d.Subject, Data: []byte(`{"specversion":"1.0","id":"1","source":"/test","type":"` + d.Name + `","data":` + string(data) + `}`)}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		archive, err := txtar.ParseFile(filepath.Join("../schemas/testdata", strings.TrimSuffix(d.Schema, ".json")+".txtar"))
		require.NoError(t, err)
		texts := map[string]string{}
		for _, file := range archive.Files {
			texts[file.Name] = string(file.Data)
		}
		valid, invalid := 0, 0
		for name, text := range texts {
			if strings.HasSuffix(name, ".txt") {
				continue
			}
			event, err := Decode(envelopeAround(d, []byte(text)))
			require.NoError(t, err, "%s %s", d.Subject, name)
			payload, err := d.Read(event)
			if strings.HasPrefix(name, "valid/") {
				valid++
				require.NoError(t, err, "%s %s", d.Subject, name)
				requireUnchanged(t, d, event, payload, text)
				continue
			}
			if strings.HasPrefix(name, "open/") {
				require.NoError(t, err, "%s %s", d.Subject, name)
				continue
			}
			invalid++
			want := texts[strings.TrimSuffix(name, ".json")+".txt"]
			require.EqualError(t, err, strings.TrimSpace(want), "%s %s", d.Subject, name)
		}
		require.Positive(t, valid, d.Subject)
		require.Positive(t, invalid, d.Subject)
	}
}

// requireUnchanged holds that neither the struct nor the codec loses anything of a document.
func requireUnchanged(t *testing.T, d *Definition, event Event, payload any, document string) {
	t.Helper()
	require.Equal(t, d.Payload, reflect.TypeOf(payload))
	again, err := json.Marshal(payload)
	require.NoError(t, err)
	require.JSONEq(t, document, string(again), d.Subject)
	encoded, err := Encode(event)
	require.NoError(t, err)
	decoded, err := Decode(Message{Subject: d.Subject, Header: Header(event), Data: encoded})
	require.NoError(t, err)
	require.Equal(t, event.Context, decoded.Context)
	require.JSONEq(t, document, string(decoded.Data()))
}

// New does not validate the data of events that lazisync publishes, so what Go makes of each
// payload must match the schema: also with empty lists and without the optional fields.
func TestPayloadsMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		archive, err := txtar.ParseFile(filepath.Join("../schemas/testdata", strings.TrimSuffix(d.Schema, ".json")+".txtar"))
		require.NoError(t, err)
		s, err := d.compiled()
		require.NoError(t, err)
		for _, file := range archive.Files {
			if !strings.HasPrefix(file.Name, "valid/") {
				continue
			}
			payload := reflect.New(d.Payload)
			require.NoError(t, json.Unmarshal(file.Data, payload.Interface()))
			for _, field := range payload.Elem().Fields() {
				if !d.Command && field.Kind() == reflect.Slice {
					field.SetZero()
				}
			}
			fillLists(payload.Elem())
			data, err := json.Marshal(payload.Interface())
			require.NoError(t, err)
			problems, err := s.validate(data)
			require.NoError(t, err)
			require.Empty(t, problems, "%s %s", d.Subject, file.Name)
		}
	}
}
