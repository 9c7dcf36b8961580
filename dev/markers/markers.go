// Package markers plants values in the records of responses of the simulated ServiceTitan, for tests that
// search where the values of fields get to. Tests of dev call it; no program does.
package markers

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
)

// Number replaces numbers, such as wages.
const Number = "904177133"

// Plant puts text in front of every string of the records in a page, and Number in place of every number, but
// for the fields that lazisync needs. It returns the body as it is if it is not a page.
func Plant(e entity.Entity, body []byte, text string) []byte {
	var page any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&page) != nil {
		return body
	}
	records, ok := page.([]any)
	if envelope, isObject := page.(map[string]any); isObject {
		records, ok = envelope["data"].([]any)
	}
	if !ok {
		return body
	}
	for _, one := range records {
		record, isObject := one.(map[string]any)
		if !isObject {
			continue
		}
		needed := map[string]any{}
		for _, field := range e.EngineFields() {
			if value, has := record[field]; has {
				needed[field] = value
			}
		}
		mark(record, text)
		for field, value := range needed {
			record[field] = value
		}
	}
	planted, err := json.Marshal(page)
	if err != nil {
		return body
	}
	return planted
}

// mark marks what a value contains and returns it.
func mark(value any, text string) any {
	switch v := value.(type) {
	case string:
		return text + v
	case json.Number:
		return json.Number(Number)
	case []any:
		for i := range v {
			v[i] = mark(v[i], text)
		}
	case map[string]any:
		for name := range v {
			v[name] = mark(v[name], text)
		}
	}
	return value
}

// Serve has the API answer a request, and changes what it answers with status 200, unless that is a token.
func Serve(api http.Handler, w http.ResponseWriter, r *http.Request, change func(body []byte) (status int, changed []byte)) {
	r.Header.Del("Accept-Encoding")
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)
	status, body := answer.Code, answer.Body.Bytes()
	if status == http.StatusOK && !strings.HasSuffix(r.URL.Path, "/connect/token") {
		status, body = change(body)
	}
	for name, values := range answer.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
