// Package display formats values for people: in errors, logs and events. It imports nothing from
// this module.
package display

import (
	"bytes"
	"strings"
)

// Truncate returns s if it has at most limit bytes, else its first limit bytes and an ellipsis. It
// does not cut within a character; a truncated text is valid UTF-8.
func Truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// JSONType returns the type of a valid JSON value with its article, "nothing" if there is none.
func JSONType(data []byte) string {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return "nothing"
	}
	switch data[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
