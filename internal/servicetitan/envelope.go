package servicetitan

import (
	"encoding/json"
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
)

// envelope is what surrounds the records of a page.
type envelope struct {
	data         gjson.Result // the array of records
	hasMore      bool
	total        int    // -1 where it is not said
	continueFrom string // "" where it is not said
}

// shapeError says why a body is not a page.
type shapeError struct {
	message   string
	permanent bool // asking again would bring the same
	// unexpected says of a permanent one that it may be an accident.
	unexpected bool
	quote      bool // the body, from at on, helps to see what it is
	at         int
}

func (e *shapeError) Error() string { return e.message }

// readEnvelope checks that body is a page of the given shape. A body that is truncated,
// or comes from something in front of the API, may be whole the next time. One that is
// malformed comes as a *malformedError. One that is JSON of another shape is a change of
// the API: that stays.
func readEnvelope(shape entity.Shape, body []byte) (envelope, error) {
	if !validJSON(body) {
		if fault := findFault(body); fault != nil {
			return envelope{}, fault.err(shape, body)
		}
	}
	root := gjson.ParseBytes(body)
	if shape == entity.Array {
		if !root.IsArray() {
			return envelope{}, wrongShape("the answer is %s, want %s", kindOf(root), wanted[shape])
		}
		return envelope{data: root, total: -1}, nil
	}
	if !root.IsObject() {
		return envelope{}, wrongShape("the answer is %s, want %s", kindOf(root), wanted[shape])
	}
	env, hasMore := readFields(root)
	if !env.data.IsArray() {
		return envelope{}, wrongShape("data is %s, want an array", kindOf(env.data))
	}
	if !hasMore.IsBool() && shape == entity.Pages {
		return envelope{}, wrongShape("hasMore is %s, want true or false", kindOf(hasMore))
	}
	env.hasMore = hasMore.Bool()
	return env, nil
}

func readFields(root gjson.Result) (env envelope, hasMore gjson.Result) {
	env.total = -1
	root.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "data":
			env.data = value
		case "hasMore":
			hasMore = value
		case "totalCount":
			if value.Type == gjson.Number && value.Num >= 0 {
				env.total = int(value.Num)
			}
		case "continueFrom":
			if value.Type == gjson.String {
				env.continueFrom = value.Str
			}
		}
		return true
	})
	return env, hasMore
}

// wanted is the shape of an answer in words.
var wanted = map[entity.Shape]string{
	entity.Pages: "an object with data and hasMore",
	entity.Data:  "an object with data",
	entity.Array: "an array",
}

func wrongShape(format string, args ...any) error {
	return &shapeError{message: fmt.Sprintf(format, args...), permanent: true, unexpected: true, quote: true}
}

// kindOf names a JSON value for an error.
func kindOf(r gjson.Result) string {
	switch {
	case !r.Exists():
		return "missing"
	case r.IsArray():
		return "an array"
	case r.IsObject():
		return "an object"
	case r.Type == gjson.Null:
		return "null"
	}
	return clean(r.Raw, quotedBytes)
}

// plainDepth is a nesting that the fast, recursive check takes without a
// thought for the stack.
const plainDepth = 1000

// validJSON says whether body is one JSON value. What is nested deeper than the
// standard library takes, 10,000 levels, is not.
func validJSON(body []byte) bool {
	if deeperThan(body, plainDepth) {
		return json.Valid(body)
	}
	return gjson.ValidBytes(body)
}

// deeperThan says whether body opens more than limit levels.
func deeperThan(body []byte, limit int) bool {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			i = stringEnd(body, i)
		}
	}
	return false
}

// stringEnd is the index of the quote that closes the string opened at i, or
// the length of body.
func stringEnd(body []byte, i int) int {
	for i++; i < len(body) && body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i
}
