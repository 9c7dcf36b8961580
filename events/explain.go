package events

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// wants are the words for rules that span fields, by the place of the rule: the schema's
// file, a JSON pointer into it, and the keyword. They are not part of the schemas, which
// hold standard keywords alone, so that strict validators accept them.
var wants = map[string]string{
	"sync.control.v1.json#/oneOf":                                "exactly one of workflowId and requestId",
	"sync.requested.v1.json#/then/required":                      "exactly one entity for a rebuild",
	"sync.requested.v1.json#/then/properties/entities/maxItems":  "exactly one entity for a rebuild",
	"sync.requested.v1.json#/then/properties/entities/items/not": "the name of one entity for a rebuild",
}

// explain puts a validation error, a tree in the validator's words, into plain
// ones.
func (s *schema) explain(e *jsonschema.ValidationError, data any) []FieldError {
	if errs, known := s.explainKeyword(e, data); known {
		return errs
	}
	if len(e.Causes) > 0 {
		var all []FieldError
		for _, cause := range e.Causes {
			all = append(all, s.explain(cause, data)...)
		}
		return all
	}
	want := e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	return []FieldError{{pathOf(e.InstanceLocation), show(at(data, e.InstanceLocation)), want}}
}

func (s *schema) explainKeyword(e *jsonschema.ValidationError, data any) ([]FieldError, bool) {
	node := s.node(e.SchemaURL)
	path, value := e.InstanceLocation, at(data, e.InstanceLocation)
	worded := func(keyword, otherwise string) string { return worded(e.SchemaURL, keyword, otherwise) }
	one := func(got, want string) ([]FieldError, bool) {
		return []FieldError{{pathOf(path), got, want}}, true
	}
	switch k := e.ErrorKind.(type) {
	case *kind.OneOf:
		return one(fmt.Sprintf("%s of them", count(len(k.Subschemas))), worded("oneOf", "exactly one"))
	case *kind.Not:
		return one(show(value), worded("not", "something else"))
	case *kind.Required:
		return s.missing(e, k.Missing, "required"), true
	case *kind.DependentRequired:
		return s.missing(e, k.Missing, "dependentRequired"), true
	case *kind.AdditionalProperties:
		return unknown(path, k.Properties, node), true
	case *kind.Enum, *kind.Type:
		return one(show(value), s.describe(node))
	case *kind.MinLength:
		return one(show(value), "a text that is not empty")
	case *kind.MaxLength:
		return one(fmt.Sprintf("a text of %d characters", k.Got), fmt.Sprintf("at most %d", k.Want))
	case *kind.MinItems:
		return one("an empty list", worded("minItems", "at least one"))
	case *kind.MaxItems:
		return one(fmt.Sprintf("%d of them", k.Got), worded("maxItems", fmt.Sprintf("at most %d", k.Want)))
	case *kind.UniqueItems:
		path = append(slices.Clone(path), strconv.Itoa(k.Duplicates[1]))
		return one(show(at(data, path))+" again", "each only once")
	case *kind.Minimum:
		limit, _ := k.Want.Float64()
		return one(show(value), fmt.Sprintf("at least %g", limit))
	case *kind.Format:
		return one(show(value), "a time as in RFC 3339, such as 2006-01-02T15:04:05Z")
	}
	return nil, false
}

func (s *schema) missing(e *jsonschema.ValidationError, names []string, keyword string) []FieldError {
	properties := object(s.node(e.SchemaURL), "properties")
	errs := make([]FieldError, 0, len(names))
	for _, name := range names {
		want := worded(e.SchemaURL, keyword, s.describe(object(properties, name)))
		errs = append(errs, FieldError{pathOf(append(slices.Clone(e.InstanceLocation), name)), "nothing", want})
	}
	return errs
}

func unknown(path, names []string, node map[string]any) []FieldError {
	fields := slices.Sorted(maps.Keys(object(node, "properties")))
	errs := make([]FieldError, 0, len(names))
	slices.Sort(names)
	for i, name := range names {
		want, near := "", false
		if i < mostErrors { // the others are only counted
			want, near = Nearest(name, fields)
		}
		if !near {
			want = either(fields)
		}
		errs = append(errs, FieldError{pathOf(append(slices.Clone(path), name)), "an unknown field", want})
	}
	return errs
}

// describe says what a schema wants.
func (s *schema) describe(node map[string]any) string {
	if reference, ok := node["$ref"].(string); ok {
		return s.describe(s.node(reference))
	}
	if values, ok := node["enum"].([]any); ok {
		words := make([]string, len(values))
		for i, value := range values {
			words[i] = fmt.Sprint(value)
		}
		return either(words)
	}
	switch node["type"] {
	case "string":
		return "a text"
	case "boolean":
		return "true or false"
	case "integer":
		return "a whole number"
	case "number":
		return "a number"
	case "array":
		return "a list"
	default:
		return "an object"
	}
}

// worded is what is wanted by a keyword of the schema at a URL, where that has words of its own.
func worded(schemaURL, keyword, otherwise string) string {
	place := strings.TrimPrefix(schemaURL, schemaBase)
	if !strings.Contains(place, "#") {
		place += "#"
	}
	if want, ok := wants[strings.TrimSuffix(place, "/")+"/"+keyword]; ok {
		return want
	}
	return otherwise
}

// node finds the part of the document that the fragment of a schema URL points at.
func (s *schema) node(schemaURL string) map[string]any {
	_, fragment, _ := strings.Cut(schemaURL, "#")
	var steps []string
	if fragment != "" {
		steps = strings.Split(strings.TrimPrefix(fragment, "/"), "/")
	}
	node, _ := at(s.document, steps).(map[string]any)
	return node
}

func object(node map[string]any, name string) map[string]any {
	value, _ := node[name].(map[string]any)
	return value
}

// at walks into a JSON value.
func at(value any, steps []string) any {
	for _, step := range steps {
		switch container := value.(type) {
		case map[string]any:
			value = container[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(container) {
				return nil
			}
			value = container[i]
		default:
			return nil
		}
	}
	return value
}

// pathOf writes a location with dots and brackets: results[1].error.type.
func pathOf(steps []string) string {
	var path strings.Builder
	for _, step := range steps {
		if _, err := strconv.Atoi(step); err == nil {
			path.WriteString("[" + step + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(step)
	}
	return path.String()
}

// show shows a value in an error, short.
func show(value any) string {
	switch v := value.(type) {
	case string:
		return quote(v)
	case json.Number:
		return v.String()
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case nil:
		return "null"
	default:
		return fmt.Sprint(v)
	}
}

// either lists words as a choice: pause, resume or cancel.
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func count(n int) string {
	if n == 0 {
		return "none"
	}
	return strconv.Itoa(n)
}
