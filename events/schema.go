package events

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazi/lazisync/schemas"
)

const schemaBase = "https://github.com/lazi/lazisync/schemas/"

// schema is a compiled JSON Schema with its document, from which errors take what a field
// should be.
type schema struct {
	compiled *jsonschema.Schema
	document map[string]any
}

func compile(file string) (*schema, error) {
	raw, err := schemas.Files.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parse schema %s: %w", file, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(schemaBase+file, document); err != nil {
		return nil, fmt.Errorf("load schema %s: %w", file, err)
	}
	compiled, err := compiler.Compile(schemaBase + file)
	if err != nil {
		return nil, fmt.Errorf("compile schema %s: %w", file, err)
	}
	object, _ := document.(map[string]any)
	return &schema{compiled: compiled, document: object}, nil
}

// validate returns the errors of data, sorted by path.
func (s *schema) validate(data []byte) ([]FieldError, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	problems := hugeNumbers(value, nil)
	if len(problems) == 0 {
		var invalid *jsonschema.ValidationError
		if err := s.check(value); !errors.As(err, &invalid) {
			return nil, err
		}
		problems = s.explain(invalid, value)
	}
	slices.SortFunc(problems, func(a, b FieldError) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Want, b.Want))
	})
	return slices.Compact(problems), nil
}

// check validates a value. Data that makes the library panic is invalid: it comes from outside, and would
// end the process with each delivery.
func (s *schema) check(value any) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = Reject(CodeInvalidData, FieldError{"data", fmt.Sprintf("values that cannot be validated (%v)", cause), "values that fit the schema"})
		}
	}()
	return s.compiled.Validate(value)
}
