package docs

import (
	"encoding/json"
	"fmt"
	"strings"
)

// openAPI has the parts of openapi.json that the reference shows.
type openAPI struct {
	Tags       []struct{ Name, Description string }
	Paths      map[string]map[string]httpOperation
	Components struct {
		Parameters map[string]httpParameter
		Responses  map[string]httpResponse
		Schemas    map[string]httpSchema
	}
}

type httpOperation struct {
	Tags                 []string
	Summary, Description string
	Security             []map[string][]string
	Parameters           []httpParameter
	RequestBody          struct {
		Description string
		Content     map[string]httpContent
	}
	Responses map[string]httpResponse
}

type httpParameter struct {
	Ref         string `json:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      httpSchema
}

type httpResponse struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]httpContent
}

type httpContent struct {
	Schema   httpSchema
	Example  json.RawMessage
	Examples map[string]struct{ Value json.RawMessage }
}

type httpSchema struct {
	Ref         string `json:"$ref"`
	Type        any
	Description string
	Enum        []any
	Default     any
	Minimum     *float64
	Maximum     *float64
	Format      string
	Properties  map[string]httpSchema
	Required    []string
	Items       *httpSchema
}

// values describes the values of a schema.
func (s httpSchema) values() string {
	switch {
	case s.Ref != "":
		return fmt.Sprintf("[%s](#%s)", last(s.Ref), anchor(last(s.Ref)))
	case s.Items != nil:
		return "array of " + s.Items.values()
	}
	var text string
	switch t := s.Type.(type) {
	case string:
		text = t
	case []any:
		var types []string
		for _, one := range t {
			types = append(types, fmt.Sprint(one))
		}
		text = strings.Join(types, " or ")
	}
	if s.Format != "" {
		text += " (" + s.Format + ")"
	}
	if len(s.Enum) > 0 {
		var list []string
		for _, v := range s.Enum {
			list = append(list, fmt.Sprintf("`%v`", v))
		}
		text = strings.Join(list, ", ")
	}
	if s.Minimum != nil && s.Maximum != nil {
		text += fmt.Sprintf(" from %v to %v", *s.Minimum, *s.Maximum)
	}
	if s.Default != nil {
		text += fmt.Sprintf(", default `%v`", s.Default)
	}
	return text
}

// schemaRef returns the name of the schema of a JSON content, "" if it has none of its own.
func schemaRef(content map[string]httpContent) string {
	return last(content["application/json"].Schema.Ref)
}

func last(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }
