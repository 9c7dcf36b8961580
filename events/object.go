package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

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
	var members []member
	var rejection *Rejection
	seen := map[string]bool{}
	gjson.ParseBytes(data).ForEach(func(key, value gjson.Result) bool {
		name := unquoteJSON(key.Raw)
		if seen[name] {
			rejection = Reject(CodeBadEnvelope, FieldError{Path: name, Got: "a duplicate key", Want: "each key once"})
		}
		seen[name] = true
		members = append(members, member{name, json.RawMessage(value.Raw)})
		return rejection == nil
	})
	return members, rejection
}

// unquoteJSON decodes a valid JSON string.
func unquoteJSON(raw string) (text string) {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	_ = json.Unmarshal([]byte(raw), &text) // valid
	return text
}

// checkJSON returns a rejection if data is not one JSON value.
func checkJSON(data []byte) *Rejection {
	if len(bytes.TrimSpace(data)) == 0 {
		return notJSON("an empty body")
	}
	if !utf8.Valid(data) {
		return notJSON("invalid UTF-8")
	}
	if json.Valid(data) {
		return nil
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
