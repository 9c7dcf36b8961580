package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// Data validates the data of an event against its schema and returns it as the payload.
// The error for invalid data is a *Rejection.
func (t Type[T]) Data(event Event) (T, error) {
	payload, err := t.Read(event)
	if err != nil {
		var none T
		return none, err
	}
	return payload.(T), nil // define sets d.Payload to the type T
}

// Read is Type.Data for callers that have only the definition. The dynamic type of the
// result is d.Payload.
func (d *Definition) Read(event Event) (any, error) {
	if event.Type() != d.Name {
		return nil, Reject(CodeTypeMismatch, FieldError{"type", fmt.Sprintf("%q", event.Type()), d.Name})
	}
	schema, err := d.compiled()
	if err != nil {
		return nil, err
	}
	data := event.Data()
	if len(data) == 0 {
		return nil, Reject(CodeInvalidData, FieldError{"data", "nothing", "a JSON object"})
	}
	if _, rejection := parseObject(data); rejection != nil {
		return nil, Reject(CodeInvalidData, rejection.Errors...)
	}
	problems, err := schema.validate(data)
	var rejection *Rejection
	if errors.As(err, &rejection) {
		return nil, rejection
	}
	if err != nil {
		return nil, fmt.Errorf("validate data of %s: %w", d.Name, err)
	}
	if len(problems) > 0 {
		return nil, Reject(CodeInvalidData, problems...)
	}
	payload := reflect.New(d.Payload)
	if err := json.Unmarshal(data, payload.Interface()); err != nil { // JSON Schema allows numbers and times that Go types cannot hold
		return nil, Reject(CodeInvalidData, FieldError{"data", err.Error(), "values that fit " + d.Schema})
	}
	return payload.Elem().Interface(), nil
}
