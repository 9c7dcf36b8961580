package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/lazi/lazisync/internal/display"
)

// stringAttributes are the attributes that CloudEvents defines. All are strings.
var stringAttributes = []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}

// nonString is the value of a string attribute that is not a string, formatted for errors.
type nonString string

// envelope is an event whose attributes are not checked yet. The checks collect problems,
// so that the rejection lists all of them.
type envelope struct {
	attributes map[string]any // string, bool or int32
	data       []byte         // JSON; nil for none
	problems   []FieldError
	code       RejectCode // of the first problem
	tolerant   bool       // omit an invalid extension attribute instead of rejecting the event
}

func (e *envelope) set(name string, value any) {
	if e.attributes == nil {
		e.attributes = map[string]any{}
	}
	if old, twice := e.attributes[name]; twice && old != value {
		e.invalid(name, "two values", "one value")
	}
	e.attributes[name] = value
}

func (e *envelope) invalid(path, got, want string) {
	e.reject(Reject(CodeBadEnvelope, FieldError{Path: path, Got: got, Want: want}))
}

// invalidExtension is invalid for an extension attribute, unless the envelope is tolerant.
func (e *envelope) invalidExtension(path, got, want string) {
	if !e.tolerant {
		e.invalid(path, got, want)
	}
}

func (e *envelope) reject(r *Rejection) {
	if e.code == "" {
		e.code = r.Code
	}
	e.problems = append(e.problems, r.Errors...)
}

func structuredEnvelope(data []byte, tolerant bool) (*envelope, *Rejection) {
	members, rejection := parseObject(data)
	if rejection != nil {
		return nil, rejection
	}
	return envelopeOf(members, tolerant), nil
}

// showRaw formats a JSON value for an error: an object or array by its type.
func showRaw(raw json.RawMessage) string {
	if kind := display.JSONType(raw); kind == "an object" || kind == "an array" {
		return kind
	}
	return string(raw)
}

// envelopeOf returns the envelope of an event in structured mode.
func envelopeOf(members []member, tolerant bool) *envelope {
	e := &envelope{tolerant: tolerant}
	for _, m := range members {
		switch kind := display.JSONType(m.value); {
		case kind == "null": // same as an absent attribute
		case m.name == "data":
			e.setData(m.name, m.value)
		case m.name == "data_base64":
			e.setData(m.name, e.decodeBase64(m.value))
		case kind == "a string":
			e.set(m.name, unquoteJSON(string(bytes.TrimSpace(m.value))))
		case slices.Contains(stringAttributes, m.name):
			e.set(m.name, nonString(showRaw(m.value)))
		case kind == "a boolean":
			e.set(m.name, m.value[0] == 't')
		case kind == "a number":
			number, err := strconv.ParseInt(string(m.value), 10, 32)
			if err != nil {
				e.invalidExtension(m.name, string(m.value), "an integer of at most 32 bits, or a string")
				continue
			}
			e.set(m.name, int32(number))
		default:
			e.invalidExtension(m.name, kind, "a string, an integer or a boolean")
		}
	}
	return e
}

func (e *envelope) setData(name string, data []byte) {
	if e.data != nil {
		e.invalid(name, "both data and data_base64", "one of them")
		return
	}
	e.data = data
}

func (e *envelope) decodeBase64(value json.RawMessage) []byte {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		e.invalid("data_base64", display.JSONType(value), "base64")
		return nil
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		e.invalid("data_base64", quote(text), "base64")
		return nil
	}
	data = TrimBOM(data)
	if rejection := checkJSON(data); rejection != nil {
		e.reject(rejection)
		return nil
	}
	return data
}
