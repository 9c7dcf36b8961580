package events

import (
	"encoding/json"
	"fmt"
)

// Data validates an event's data and returns it as the payload. Data that does
// not fit is a *Rejection.
func (t Type[T]) Data(event Event) (T, error) {
	var payload T
	if event.Type() != t.Name {
		return payload, Reject(CodeTypeMismatch, FieldError{"type", fmt.Sprintf("%q", event.Type()), t.Name})
	}
	schema, err := t.compiled()
	if err != nil {
		return payload, err
	}
	data := event.Data()
	if len(data) == 0 {
		return payload, Reject(CodeInvalidData, FieldError{"data", "nothing", "a JSON object"})
	}
	if _, rejection := parseObject(data); rejection != nil {
		return payload, Reject(CodeInvalidData, rejection.Errors...)
	}
	problems, err := schema.validate(data)
	if err != nil {
		return payload, fmt.Errorf("validate data of %s: %w", t.Name, err)
	}
	if len(problems) > 0 {
		return payload, Reject(CodeInvalidData, problems...)
	}
	if err := json.Unmarshal(data, &payload); err != nil { // a number or a time that JSON Schema allows and Go cannot hold
		return payload, Reject(CodeInvalidData, FieldError{"data", err.Error(), "values that fit " + t.Schema})
	}
	return payload, nil
}
