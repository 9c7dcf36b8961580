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

// ruleTexts describes rules that span fields, by the location of the rule: the file of
// the schema, a JSON pointer into it, and the keyword. The schemas do not contain these
// texts: they use only standard keywords, so that strict validators accept them.
var ruleTexts = map[string]string{
	"sync.control.v1.json#/oneOf":                                "exactly one of workflowId and requestId",
	"sync.requested.v1.json#/then/required":                      "exactly one entity for a rebuild",
	"sync.requested.v1.json#/then/properties/entities/maxItems":  "exactly one entity for a rebuild",
	"sync.requested.v1.json#/then/properties/entities/items/not": "the name of one entity for a rebuild",

	"sync.requested.v1.json#/properties/ids/items/anyOf": "an id: an integer or a non-empty string",
	"sync.requested.v1.json#/properties/ids/minItems":    "1 to 500 ids",
	"sync.requested.v1.json#/properties/ids/maxItems":    "at most 500 ids",

	"sync.requested.v1.json#/dependentSchemas/ids/required":                        "exactly one entity for a request with ids",
	"sync.requested.v1.json#/dependentSchemas/ids/properties/mode/const":           "incremental for a request with ids",
	"sync.requested.v1.json#/dependentSchemas/ids/properties/entities/maxItems":    "exactly one entity for a request with ids",
	"sync.requested.v1.json#/dependentSchemas/ids/properties/entities/items/not":   "the name of one entity for a request with ids",
	"sync.requested.v1.json#/dependentSchemas/ids/properties/since/not":            "either ids or since, not both",
	"sync.requested.v1.json#/dependentSchemas/since/required":                      "exactly one entity for a request with since",
	"sync.requested.v1.json#/dependentSchemas/since/properties/mode/const":         "incremental for a request with since",
	"sync.requested.v1.json#/dependentSchemas/since/properties/entities/maxItems":  "exactly one entity for a request with since",
	"sync.requested.v1.json#/dependentSchemas/since/properties/entities/items/not": "the name of one entity for a request with since",
}

// explain turns a validation error, which is a tree in the terms of JSON Schema, into a
// list of field errors.
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
	wanted := func(keyword, otherwise string) string { return ruleText(e.SchemaURL, keyword, otherwise) }
	one := func(got, want string) ([]FieldError, bool) {
		return []FieldError{{pathOf(path), got, want}}, true
	}
	switch k := e.ErrorKind.(type) {
	case *kind.OneOf:
		return one(fmt.Sprintf("%s of them", count(len(k.Subschemas))), wanted("oneOf", "exactly one"))
	case *kind.AnyOf:
		if want := wanted("anyOf", ""); want != "" {
			return one(show(value), want)
		}
	case *kind.Const:
		return one(show(value), wanted("const", fmt.Sprint(k.Want)))
	case *kind.Not:
		return one(show(value), wanted("not", "something else"))
	case *kind.Required:
		return s.missing(e, k.Missing, "required"), true
	case *kind.DependentRequired:
		return s.missing(e, k.Missing, "dependentRequired"), true
	case *kind.AdditionalProperties:
		return unknown(path, k.Properties, node), true
	case *kind.Enum, *kind.Type:
		return one(show(value), s.describe(node))
	case *kind.MinLength:
		return one(show(value), "a non-empty string")
	case *kind.MaxLength:
		return one(fmt.Sprintf("a string of %d characters", k.Got), fmt.Sprintf("at most %d", k.Want))
	case *kind.MinItems:
		return one("an empty array", wanted("minItems", "at least one"))
	case *kind.MaxItems:
		return one(fmt.Sprintf("%d of them", k.Got), wanted("maxItems", fmt.Sprintf("at most %d", k.Want)))
	case *kind.UniqueItems:
		path = append(slices.Clone(path), strconv.Itoa(k.Duplicates[1]))
		return one(show(at(data, path))+" twice", "unique items")
	case *kind.Minimum:
		limit, _ := k.Want.Float64()
		return one(show(value), fmt.Sprintf("at least %g", limit))
	case *kind.Format:
		return one(show(value), "an RFC 3339 time such as 2006-01-02T15:04:05Z")
	}
	return nil, false
}

func (s *schema) missing(e *jsonschema.ValidationError, names []string, keyword string) []FieldError {
	properties := object(s.node(e.SchemaURL), "properties")
	errs := make([]FieldError, 0, len(names))
	for _, name := range names {
		want := ruleText(e.SchemaURL, keyword, s.describe(object(properties, name)))
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
		if i < maxErrors { // further errors are only counted
			want, near = Nearest(name, fields)
		}
		if !near {
			want = joinOr(fields)
		}
		errs = append(errs, FieldError{pathOf(append(slices.Clone(path), name)), "an unknown field", want})
	}
	return errs
}

// describe names the values that a schema allows.
func (s *schema) describe(node map[string]any) string {
	if reference, ok := node["$ref"].(string); ok {
		return s.describe(s.node(reference))
	}
	if values, ok := node["enum"].([]any); ok {
		words := make([]string, len(values))
		for i, value := range values {
			words[i] = fmt.Sprint(value)
		}
		return joinOr(words)
	}
	switch node["type"] {
	case "string":
		return "a string"
	case "boolean":
		return "a boolean"
	case "integer":
		return "an integer"
	case "number":
		return "a number"
	case "array":
		return "an array"
	default:
		return "an object"
	}
}

// ruleText returns what a keyword of the schema at a URL wants: its entry in ruleTexts, or
// otherwise.
func ruleText(schemaURL, keyword, otherwise string) string {
	place := strings.TrimPrefix(schemaURL, schemaBase)
	if !strings.Contains(place, "#") {
		place += "#"
	}
	if want, ok := ruleTexts[strings.TrimSuffix(place, "/")+"/"+keyword]; ok {
		return want
	}
	return otherwise
}

// node returns the part of the document that the fragment of a schema URL points to.
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

// at returns the value at a path into a JSON value, nil if there is none.
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

// pathOf formats a location with dots and brackets: results[1].error.type.
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

// show formats a value for an error: objects and arrays by their type, strings shortened.
func show(value any) string {
	switch v := value.(type) {
	case string:
		return quote(v)
	case json.Number:
		return v.String()
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case nil:
		return "null"
	default:
		return fmt.Sprint(v)
	}
}

// joinOr joins words into a choice: "pause, resume or cancel".
func joinOr(words []string) string {
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
