package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// unequal describes the first difference between two decoded JSON values, "" if there
// is none. The order of an object's keys does not matter; every digit of a number does.
func unequal(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			break
		}
		return unequalObjects(path, want, got)
	case []any:
		got, ok := got.([]any)
		if !ok || len(want) != len(got) {
			break
		}
		for i := range want {
			if what := unequal(fmt.Sprintf("%s[%d]", path, i), want[i], got[i]); what != "" {
				return what
			}
		}
		return ""
	default: // strings, json.Number, booleans and null compare as they are
		switch got.(type) {
		case map[string]any, []any:
		default:
			if want == got {
				return ""
			}
		}
	}
	return fmt.Sprintf("%s is %s in PostgreSQL, want %s", named(path), short(got), short(want))
}

func unequalObjects(path string, want, got map[string]any) string {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		value, ok := got[key]
		if !ok {
			return fmt.Sprintf("%s is missing in PostgreSQL", named(path+"."+key))
		}
		if what := unequal(path+"."+key, want[key], value); what != "" {
			return what
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("%s is in PostgreSQL and not in ServiceTitan", named(path+"."+key))
		}
	}
	return ""
}

func named(path string) string {
	if path == "" {
		return "the record"
	}
	return path[1:]
}

// short writes a value so that it fits a line.
func short(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	const limit = 80
	if len(text) > limit {
		return string(text[:limit]) + "…"
	}
	return string(text)
}
