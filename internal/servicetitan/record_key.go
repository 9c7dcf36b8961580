package servicetitan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
)

const maxTextID = 256 // bytes of an id that is a text

// readKey returns the ID of the current record, or the reason why it has none.
func (d *decoder) readKey() (id, reason string) {
	if len(d.identity) > 1 {
		return joinedKey(d.identity, d.key)
	}
	if d.entity.Key == entity.TextID {
		return textKey(d.identity[0], d.key[0])
	}
	return integerKey(d.identity[0], d.key[0])
}

func integerKey(name string, value gjson.Result) (id, reason string) {
	if n, err := strconv.ParseInt(value.Raw, 10, 64); value.Type != gjson.Number || err != nil || n <= 0 {
		return "", fmt.Sprintf("%s is %s, want an integer from 1 to 2^63-1", name, describe(value))
	}
	return value.Raw, ""
}

func textKey(name string, value gjson.Result) (id, reason string) {
	if value.Type != gjson.String || value.Str == "" || len(value.Str) > maxTextID {
		return "", fmt.Sprintf("%s is %s, want a string of 1 to %d bytes", name, describe(value), maxTextID)
	}
	return value.Str, ""
}

// partEscapes escapes the separator within the parts of a key.
var partEscapes = strings.NewReplacer("%", "%25", "/", "%2F")

// joinedKey joins several fields, strings or integers, with slashes.
func joinedKey(names []string, values []gjson.Result) (id, reason string) {
	parts := make([]string, len(values))
	for i, value := range values {
		read := integerKey
		if value.Type == gjson.String {
			read = textKey
		}
		part, reason := read(names[i], value)
		if reason != "" {
			return "", reason
		}
		parts[i] = partEscapes.Replace(part)
	}
	if id = strings.Join(parts, "/"); len(id) > maxTextID {
		return "", fmt.Sprintf("%s have %d bytes in total, want at most %d", strings.Join(names, " and "), len(id), maxTextID)
	}
	return id, ""
}
