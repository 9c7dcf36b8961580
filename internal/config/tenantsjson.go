package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/display"
)

// jsonMember is one member of a JSON object, not yet decoded.
type jsonMember struct {
	name  string
	value json.RawMessage
}

// objectMembers splits a JSON object into its members. A repeated key is an
// error: one of the two would be ignored. Errors name places, never contents, which
// may be secret.
func objectMembers(data []byte) ([]jsonMember, error) {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, new(json.RawMessage)); errors.As(err, &syntax) {
		return nil, fmt.Errorf("not JSON, in line %d", 1+bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n")))
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("got %s", display.JSONType(data))
	}
	var members []jsonMember
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, errors.New("not JSON")
		}
		m := jsonMember{name: token.(string)} // a key, because the JSON is valid
		if err := decoder.Decode(&m.value); err != nil {
			return nil, errors.New("not JSON")
		}
		if seen[m.name] {
			return nil, fmt.Errorf("got %s twice", m.name)
		}
		seen[m.name] = true
		members = append(members, m)
	}
	return members, nil
}

// fieldText returns a value in the form of its variable: a string, the digits of a number, or the
// strings of an array joined with a separator.
func fieldText(raw json.RawMessage, separator string) (string, error) {
	var one string
	var many []string
	var number json.Number
	switch kind := display.JSONType(raw); {
	case kind == "a string" && json.Unmarshal(raw, &one) == nil:
		return one, nil
	case kind == "a number" && json.Unmarshal(raw, &number) == nil:
		return number.String(), nil
	case kind == "an array" && json.Unmarshal(raw, &many) == nil:
		return strings.Join(many, separator), nil
	default:
		return "", errors.New(kind)
	}
}
