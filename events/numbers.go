package events

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Numbers of JSON may have any size. The validator of JSON Schema calculates with them exactly: one with
// an exponent of a million takes a tenth of a second, and a larger one makes it panic.
const (
	maxNumberLength = 40
	maxExponent     = 308 // of a float64
)

// hugeNumbers returns an error for each number in a JSON value that the validator must not get.
func hugeNumbers(value any, path []string) []FieldError {
	var wrong []FieldError
	switch v := value.(type) {
	case json.Number:
		if isHuge(string(v)) {
			wrong = []FieldError{{pathOf(path), show(v), "a number of at most " + strconv.Itoa(maxNumberLength) + " characters, below 1e308"}}
		}
	case []any:
		for i, item := range v {
			wrong = append(wrong, hugeNumbers(item, append(path[:len(path):len(path)], strconv.Itoa(i)))...)
		}
	case map[string]any:
		for name, member := range v {
			wrong = append(wrong, hugeNumbers(member, append(path[:len(path):len(path)], name))...)
		}
	}
	return wrong
}

func isHuge(number string) bool {
	if len(number) > maxNumberLength {
		return true
	}
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return false
	}
	exponent, err := strconv.Atoi(number[at+1:])
	return err != nil || exponent > maxExponent || exponent < -maxExponent
}
