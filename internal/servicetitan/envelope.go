package servicetitan

import (
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
)

// envelope is the part of a page around its records.
type envelope struct {
	data         gjson.Result // the array of records
	hasMore      bool
	total        int    // -1 where it is not said
	continueFrom string // "" where it is not said
}

// shapeError is the reason why a body is not a page.
type shapeError struct {
	message   string
	permanent bool // asking again would bring the same
	// unexpected marks a permanent error that may be caused by a temporary fault.
	unexpected bool
	quote      bool // the body, from at on, helps to see what it is
	at         int
}

func (e *shapeError) Error() string { return e.message }

// readEnvelope checks that body is a page of the given shape. A truncated body, or one from
// a proxy, is a transient error. A malformed one is a *malformedError. JSON of another shape
// is a change of the API and permanent.
func readEnvelope(shape entity.Shape, body []byte) (envelope, error) {
	if !validJSON(body) {
		if fault := findFault(body); fault != nil {
			return envelope{}, fault.err(shape, body)
		}
	}
	root := gjson.ParseBytes(body)
	if shape == entity.Array {
		if !root.IsArray() {
			return envelope{}, shapeErrorf("the response is %s, want %s", describe(root), shapeNames[shape])
		}
		return envelope{data: root, total: -1}, nil
	}
	if !root.IsObject() {
		return envelope{}, shapeErrorf("the response is %s, want %s", describe(root), shapeNames[shape])
	}
	env, hasMore := readFields(root)
	if !env.data.IsArray() {
		return envelope{}, shapeErrorf("data is %s, want an array", describe(env.data))
	}
	if !hasMore.IsBool() && shape == entity.Pages {
		return envelope{}, shapeErrorf("hasMore is %s, want a boolean", describe(hasMore))
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

// shapeNames describes the shape of a response, for errors.
var shapeNames = map[entity.Shape]string{
	entity.Pages: "an object with data and hasMore",
	entity.Data:  "an object with data",
	entity.Array: "an array",
}

func shapeErrorf(format string, args ...any) error {
	return &shapeError{message: fmt.Sprintf(format, args...), permanent: true, unexpected: true, quote: true}
}

// describe names a JSON value in an error: its type, or the value itself if it is a scalar.
func describe(r gjson.Result) string {
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
	return sanitize(r.Raw, quotedBytes)
}
