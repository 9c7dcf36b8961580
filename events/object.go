package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// member is one top-level member of a JSON object, not yet read.
type member struct {
	name  string
	value json.RawMessage
}

// TrimBOM returns data without the byte order mark that some programs write before JSON in
// UTF-8. It means nothing there.
func TrimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

// Object splits one JSON object into its members, as strictly as events are read, after a
// byte order mark. Its error is a *Rejection.
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

// parseObject splits one JSON object into its members. It is stricter than
// encoding/json: no invalid UTF-8, no key twice, nothing around the object.
func parseObject(data []byte) ([]member, *Rejection) {
	if rejection := checkJSON(data); rejection != nil {
		return nil, rejection
	}
	if kind := kindOf(data); kind != "an object" {
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
			return nil, Reject(CodeBadEnvelope, FieldError{Path: name, Got: "the same key twice", Want: "each key once"})
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

// checkJSON says what keeps data from being one JSON value.
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
		return notJSON(fmt.Sprintf("something that is not JSON (byte %d: %s)", syntax.Offset, syntax))
	case err != nil:
		return notJSON(err.Error())
	}
	return nil
}

func notJSON(got string) *Rejection {
	return Reject(CodeNotJSON, FieldError{Got: got, Want: "one JSON object"})
}

// kindOf names the kind of a valid JSON value.
func kindOf(data []byte) string {
	switch data = bytes.TrimSpace(data); data[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// quote shows a value in an error, short.
func quote(value string) string {
	const most = 80
	if len(value) <= most {
		return fmt.Sprintf("%q", value)
	}
	cut := most
	for cut > most-utf8.UTFMax && !utf8.RuneStart(value[cut]) { // it need not be UTF-8 at all
		cut--
	}
	return fmt.Sprintf("%q…", value[:cut])
}
