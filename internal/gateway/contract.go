package gateway

import (
	"net/http"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/schemas"
)

// document serves an API description.
func document(text []byte) handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // fails only if the client has disconnected
		return nil
	}
}

const schemaType = "application/schema+json"

type schemaView struct {
	Subject string `json:"subject"`
	Type    string `json:"type"`
	Name    string `json:"name"` // of the document below /schemas
	ID      string `json:"id"`   // of the schema, dataschema of an event
}

// listSchemas lists the events with the JSON Schemas of their data.
func listSchemas(w http.ResponseWriter, _ *http.Request) error {
	views := []schemaView{}
	for _, d := range events.All() {
		views = append(views, schemaView{Subject: d.Subject, Type: d.Name, Name: d.Schema, ID: d.DataSchema()})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"schemas": views})
}

// showSchema returns the JSON Schema of an event. Its name may omit .json.
func showSchema(w http.ResponseWriter, r *http.Request) error {
	given := r.PathValue("name")
	var names []string
	for _, d := range events.All() {
		names = append(names, d.Schema)
		if given != d.Schema && given+".json" != d.Schema {
			continue
		}
		text, err := schemas.Files.ReadFile(d.Schema)
		if err != nil {
			return err //nolint:wrapcheck // it is embedded
		}
		w.Header().Set("Content-Type", schemaType)
		_, _ = w.Write(text) // fails only if the client has disconnected
		return nil
	}
	want := "a schema that /schemas lists"
	if near, ok := events.Nearest(given, names); ok {
		want = near
	}
	return notFound("name", strings.ToValidUTF8(given, "\uFFFD"), want)
}
