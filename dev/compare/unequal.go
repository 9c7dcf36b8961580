package compare

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tidwall/gjson"
)

// unequal describes the first difference between two JSON values, "" if there is none.
// The order of an object's keys does not matter; every digit of a number does.
func unequal(path string, want, got gjson.Result) string {
	switch {
	case want.IsObject() && got.IsObject():
		return unequalObjects(path, members(want), members(got))
	case want.IsArray() && got.IsArray():
		wanted, stored := want.Array(), got.Array()
		if len(wanted) != len(stored) {
			break
		}
		for i := range wanted {
			if what := unequal(fmt.Sprintf("%s[%d]", path, i), wanted[i], stored[i]); what != "" {
				return what
			}
		}
		return ""
	case want.Type == gjson.String && got.Type == gjson.String:
		if want.Str == got.Str {
			return ""
		}
	case want.Type == got.Type && want.Raw == got.Raw: // numbers, booleans, null
		return ""
	}
	return fmt.Sprintf("%s is %s in PostgreSQL, want %s", named(path), short(got.Raw), short(want.Raw))
}

// member is a key of an object with its value.
type member struct {
	key   string
	value gjson.Result
}

// members returns the members of an object, sorted by key.
func members(object gjson.Result) []member {
	list := make([]member, 0, 32)
	object.ForEach(func(key, value gjson.Result) bool {
		list = append(list, member{key.Str, value})
		return true
	})
	slices.SortFunc(list, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	return list
}

// unequalObjects compares two objects by merging their sorted members.
func unequalObjects(path string, want, got []member) string {
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0].key < got[0].key:
			return named(path+"."+want[0].key) + " is missing in PostgreSQL"
		case len(want) == 0 || got[0].key < want[0].key:
			return named(path+"."+got[0].key) + " is in PostgreSQL and not in ServiceTitan"
		}
		// This runs for every value, so the path is built only for a difference.
		if what := unequal("", want[0].value, got[0].value); what != "" {
			return unequal(path+"."+want[0].key, want[0].value, got[0].value)
		}
		want, got = want[1:], got[1:]
	}
	return ""
}

func named(path string) string {
	if path == "" {
		return "the record"
	}
	return path[1:]
}

// short truncates a text to one line.
func short(text string) string {
	const limit = 80
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}
