package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// AllEntities means every known entity, if it is the only entry of a list of entities.
const AllEntities = "*"

// ParseEntities parses a comma-separated list of entities, as SplitEntities does, and checks the
// names. "*" alone means every entity and is returned unchanged. The error lists every invalid
// entry.
func ParseEntities(text string, known []string) ([]string, error) {
	names, err := SplitEntities(text)
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, e := range CheckEntities(names, known) {
		wrong = append(wrong, fmt.Errorf("got %s, want %s", e.Got, e.Want))
	}
	return names, errors.Join(wrong...)
}

// SplitEntities splits a comma-separated list of entities. It ignores white space around a name
// and duplicate names, and does not check the names.
func SplitEntities(text string) ([]string, error) {
	var names []string
	for part := range strings.SplitSeq(text, ",") {
		name := strings.TrimSpace(part)
		if name == "" {
			return nil, fmt.Errorf("got %q with an empty name, want names of entities separated by commas", text)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// CheckEntities returns an error for each unknown name, with its path in the field
// entities. It accepts "*" if it is the only name.
func CheckEntities(names, known []string) []FieldError {
	if len(names) == 1 && names[0] == AllEntities {
		return nil
	}
	var unknown []FieldError
	for i, name := range names {
		if !slices.Contains(known, name) {
			unknown = append(unknown, FieldError{Path: fmt.Sprintf("entities[%d]", i), Got: quote(name), Want: describeEntity(name, known)})
		}
	}
	return unknown
}

func describeEntity(name string, known []string) string {
	if name == AllEntities {
		return `"*" alone, or names`
	}
	if nearest, ok := Nearest(strings.TrimSpace(name), known); ok {
		return "a known entity (did you mean " + nearest + "?)"
	}
	return "a known entity; lazisync entities lists them"
}
