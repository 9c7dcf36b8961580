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
	problems, err := schema.validate(event.Data())
	if err != nil {
		return payload, Reject(CodeInvalidData, FieldError{"data", err.Error(), "a JSON object"})
	}
	if len(problems) > 0 {
		return payload, Reject(CodeInvalidData, problems...)
	}
	if err := json.Unmarshal(event.Data(), &payload); err != nil {
		return payload, fmt.Errorf("decode data of %s: %w", t.Name, err)
	}
	return payload, nil
}
