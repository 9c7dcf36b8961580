package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/lazi/lazisync/internal/display"
)

// member is a top-level member of a JSON object; its value is not decoded.
type member struct {
	name  string
	value json.RawMessage
}

// TrimBOM returns data without the byte order mark that some programs write before UTF-8
// text.
func TrimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

// Object decodes the members of a JSON object, which may follow a byte order mark. It is as
// strict as Decode. The error is a *Rejection.
func Object(data []byte) (map[string]json.RawMessage, error) {
	members, rejection := parseObject(TrimBOM(data))
	if rejection != nil {
		return nil, rejection
	}
	object := make(map[string]json.RawMessage, len(members))
	for _, m := range members {
		object[m.name] = m.value
	}
	return object, nil
}

// parseObject returns the members of a JSON object. It is stricter than encoding/json: it
// rejects invalid UTF-8, duplicate keys, and data around the object.
func parseObject(data []byte) ([]member, *Rejection) {
	if rejection := checkJSON(data); rejection != nil {
		return nil, rejection
	}
	if kind := display.JSONType(data); kind != "an object" {
		return nil, notJSON(kind)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil { // the opening brace
		return nil, notJSON(err.Error())
	}
	var members []member
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, notJSON(err.Error())
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, Reject(CodeBadEnvelope, FieldError{Path: name, Got: "a duplicate key", Want: "each key once"})
		}
		seen[name] = true
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, notJSON(err.Error())
		}
		members = append(members, member{name, value})
	}
	return members, nil
}

// checkJSON returns a rejection if data is not one JSON value.
func checkJSON(data []byte) *Rejection {
	if len(bytes.TrimSpace(data)) == 0 {
		return notJSON("an empty body")
	}
	if !utf8.Valid(data) {
		return notJSON("invalid UTF-8")
	}
	var syntax *json.SyntaxError
	err := json.Unmarshal(data, new(json.RawMessage))
	switch {
	case errors.As(err, &syntax):
		return notJSON(fmt.Sprintf("invalid JSON (byte %d: %s)", syntax.Offset, syntax))
	case err != nil:
		return notJSON(err.Error())
	}
	return nil
}

func notJSON(got string) *Rejection {
	return Reject(CodeNotJSON, FieldError{Got: got, Want: "one JSON object"})
}

// quote quotes a value for an error, shortened to 80 bytes.
func quote(value string) string {
	const limit = 80
	if len(value) <= limit {
		return fmt.Sprintf("%q", value)
	}
	cut := limit
	for cut > limit-utf8.UTFMax && !utf8.RuneStart(value[cut]) { // value can be invalid UTF-8
		cut--
	}
	return fmt.Sprintf("%q…", value[:cut])
}
