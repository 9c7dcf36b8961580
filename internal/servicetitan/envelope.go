package servicetitan

import (
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/jsonscan"
)

// envelope is the part of a page around its records.
type envelope struct {
	hasMore      bool
	total        int    // -1 where it is not said
	continueFrom string // "" where it is not said
}

// shapeError is the reason why a body is not a page.
type shapeError struct {
	message   string
	unquoted  string // the message without values of the body, "" if it has none
	permanent bool   // asking again would bring the same
	// unexpected marks a permanent error that may be caused by a temporary fault.
	unexpected bool
	quote      bool // the body, from at on, helps to see what it is
	at         int
}

func (e *shapeError) Error() string { return e.message }

// readEnvelope checks that body is a page of the given shape, and has decode decode the records; nil
// omits them. A truncated body, or one from a proxy, is a transient error. A malformed one is a
// *malformedError. JSON of another shape is a change of the API and permanent.
func readEnvelope(shape entity.Shape, body []byte, decode *decoder) (envelope, error) {
	page, ok := scanPage(shape, body, decode)
	if !ok {
		if fault := findFault(body); fault != nil {
			return envelope{}, fault.err(shape, body)
		}
	}
	switch {
	case !page.hasShape:
		return envelope{}, wrongValueError("the response", gjson.ParseBytes(body), shapeNames[shape])
	case !page.hasArray:
		return envelope{}, wrongValueError("data", page.data, "an array")
	case shape == entity.Pages && !page.hasMore.IsBool():
		return envelope{}, wrongValueError("hasMore", page.hasMore, "a boolean")
	}
	return envelope{hasMore: page.hasMore.Bool(), total: page.total, continueFrom: page.continueFrom}, nil
}

// scannedPage is a page as it was received.
type scannedPage struct {
	hasShape     bool         // it is an object or an array, as its shape requires
	hasArray     bool         // of records
	data         gjson.Result // if it is not an array
	hasMore      gjson.Result
	total        int // -1 where it is not said
	continueFrom string
}

// scanPage scans a page in one pass, with its records if decode is not nil. It is not ok if body is not
// JSON.
func scanPage(shape entity.Shape, body []byte, decode *decoder) (page scannedPage, ok bool) {
	s := &jsonscan.Scanner{Data: body}
	elements := func(at int) (end int) {
		page.hasArray = true
		if decode == nil {
			return s.Value(at)
		}
		return decode.elements(s, at)
	}
	page.total = -1
	start := s.Space(0)
	var end int
	switch {
	case shape == entity.Array && s.Is(start, '['):
		page.hasShape = true
		end = elements(start)
	case shape != entity.Array && s.Is(start, '{'):
		page.hasShape = true
		end = s.Fields(start, func(key []byte, at int) (end int) {
			if string(key) == "data" && s.Is(at, '[') { // the last of equal fields counts
				return elements(at)
			}
			if end = s.Value(at); end >= 0 {
				page.read(string(key), body[at:end])
			}
			return end
		})
	default:
		end = s.Value(start)
	}
	return page, end >= 0 && s.Space(end) == len(body)
}

// read notes a field of the page.
func (p *scannedPage) read(key string, raw []byte) {
	switch key {
	case "data":
		p.hasArray, p.data = false, gjson.ParseBytes(raw)
	case "hasMore":
		p.hasMore = gjson.ParseBytes(raw)
	case "totalCount":
		if value := gjson.ParseBytes(raw); value.Type == gjson.Number && value.Num >= 0 {
			p.total = int(value.Num)
		}
	case "continueFrom":
		if value := gjson.ParseBytes(raw); value.Type == gjson.String {
			p.continueFrom = value.Str
		}
	}
}

// shapeNames describes the shape of a response, for errors.
var shapeNames = map[entity.Shape]string{
	entity.Pages: "an object with data and hasMore",
	entity.Data:  "an object with data",
	entity.Array: "an array",
}

func shapeErrorf(format string, args ...any) *shapeError {
	return &shapeError{message: fmt.Sprintf(format, args...), permanent: true, unexpected: true, quote: true}
}

// wrongValueError returns the error of a page in which something has another type.
func wrongValueError(what string, got gjson.Result, want string) error {
	return &shapeError{
		message: fmt.Sprintf("%s is %s, want %s", what, describe(got), want), unquoted: fmt.Sprintf("%s is %s, want %s", what, kindOf(got), want),
		permanent: true, unexpected: true, quote: true,
	}
}

// describe names a JSON value in an error: its type, or the value itself if it is a scalar.
func describe(r gjson.Result) string {
	switch r.Type {
	case gjson.String, gjson.Number, gjson.True, gjson.False:
		return sanitize(r.Raw, quotedBytes)
	}
	return kindOf(r)
}

// kindOf names the type of a JSON value.
func kindOf(r gjson.Result) string {
	switch {
	case !r.Exists():
		return "missing"
	case r.IsArray():
		return "an array"
	case r.IsObject():
		return "an object"
	}
	return map[gjson.Type]string{gjson.String: "a string", gjson.Number: "a number", gjson.True: "a boolean", gjson.False: "a boolean", gjson.Null: "null"}[r.Type]
}
