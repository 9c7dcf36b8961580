package jsonscan

import "github.com/tidwall/gjson"

// maxDepth is the nesting that encoding/json accepts, too.
const maxDepth = 10_000

// Scanner checks the syntax of JSON and finds its parts in one pass. Its methods take the index of a
// value in Data and return the index after it, or -1 if the value is not JSON. The zero value with Data
// is ready to use. It is not safe for concurrent use.
type Scanner struct {
	Data []byte

	// Escapes and NonASCII report whether a string since their last reset had an escape, or a byte
	// that is not ASCII, which may be invalid UTF-8.
	Escapes, NonASCII bool

	// Paths notes the paths of keys, nil for none.
	Paths *PathSet

	open    []byte   // the closing brackets of the values around the index
	objects []uint64 // the hashes of the paths of these values, if paths are noted
	path    uint64   // the hash of the path of the current value
	depth   int      // the nesting of calls to Fields and Elements
}

// Root makes the path of the next value the one at which paths begin.
func (s *Scanner) Root() { s.path = 0 }

// Valid reports whether data is one JSON value, possibly between white space. Like encoding/json, it
// accepts strings with invalid UTF-8.
func Valid(data []byte) bool {
	s := Scanner{Data: data}
	end := s.Value(s.Space(0))
	return end >= 0 && s.Space(end) == len(data)
}

// Space returns the index of the first byte from an index that is not white space.
func (s *Scanner) Space(at int) int {
	for at < len(s.Data) && (s.Data[at] == ' ' || s.Data[at] == '\n' || s.Data[at] == '\r' || s.Data[at] == '\t') {
		at++
	}
	return at
}

// Is reports whether the byte at an index exists and is c.
func (s *Scanner) Is(at int, c byte) bool { return at >= 0 && at < len(s.Data) && s.Data[at] == c }

// Fields scans an object. It calls field with each key, without quotes and escapes, and the index of its
// value; field returns the index after the value, or -1. The key is valid until field returns.
func (s *Scanner) Fields(at int, field func(key []byte, value int) (end int)) (end int) {
	if !s.Is(at, '{') || s.depth >= maxDepth {
		return -1
	}
	s.depth++
	end = s.fields(s.Space(at+1), field)
	s.depth--
	return end
}

func (s *Scanner) fields(at int, field func(key []byte, value int) (end int)) (end int) {
	if s.Is(at, '}') {
		return at + 1
	}
	object := s.path
	for {
		key, value := s.key(object, at)
		if value < 0 {
			return -1
		}
		if at = field(key, value); at < 0 {
			return -1
		}
		switch at = s.Space(at); {
		case s.Is(at, '}'):
			return at + 1
		case !s.Is(at, ','):
			return -1
		}
		at = s.Space(at + 1)
	}
}

// key returns the key at an index of an object, and the index of its value.
func (s *Scanner) key(object uint64, at int) (key []byte, value int) {
	escapes := s.Escapes
	s.Escapes = false
	end := s.string(at)
	hasEscapes := s.Escapes
	s.Escapes = s.Escapes || escapes
	if end < 0 {
		return nil, -1
	}
	colon := s.Space(end)
	if !s.Is(colon, ':') {
		return nil, -1
	}
	if key = s.Data[at+1 : end-1]; hasEscapes {
		key = []byte(gjson.ParseBytes(s.Data[at:end]).Str)
	}
	if s.Paths != nil {
		s.path = s.Paths.note(object, key)
	}
	return key, s.Space(colon + 1)
}

// Elements scans an array. It calls element with the index of each element; element returns the index
// after it, or -1.
func (s *Scanner) Elements(at int, element func(at int) (end int)) (end int) {
	if !s.Is(at, '[') || s.depth >= maxDepth {
		return -1
	}
	s.depth++
	end = s.elements(s.Space(at+1), element)
	s.depth--
	return end
}

func (s *Scanner) elements(at int, element func(at int) (end int)) (end int) {
	if s.Is(at, ']') {
		return at + 1
	}
	array := s.path
	for {
		s.path = array
		if at = element(at); at < 0 {
			return -1
		}
		switch at = s.Space(at); {
		case s.Is(at, ']'):
			return at + 1
		case !s.Is(at, ','):
			return -1
		}
		at = s.Space(at + 1)
	}
}

// Value scans a value of any kind.
func (s *Scanner) Value(at int) (end int) {
	s.open, s.objects = s.open[:0], s.objects[:0]
	for {
		opened := len(s.open)
		if at = s.begin(at); at < 0 {
			return -1
		}
		if len(s.open) > opened {
			continue // with the first value inside
		}
		if at = s.after(at); at < 0 || len(s.open) == 0 {
			return at
		}
	}
}

// begin scans a scalar or an empty object or array, or goes to the first value inside of another.
func (s *Scanner) begin(at int) (next int) {
	if at >= len(s.Data) {
		return -1
	}
	switch c := s.Data[at]; c {
	case '"':
		return s.string(at)
	case '{', '[':
		closing := c + 2 // in ASCII
		if len(s.open)+s.depth >= maxDepth {
			return -1
		}
		if at = s.Space(at + 1); s.Is(at, closing) {
			return at + 1
		}
		s.open = append(s.open, closing)
		if s.Paths != nil {
			s.objects = append(s.objects, s.path)
		}
		if c == '{' {
			_, at = s.key(s.path, at)
		}
		return at
	case 't':
		return s.literal(at, "true")
	case 'f':
		return s.literal(at, "false")
	case 'n':
		return s.literal(at, "null")
	}
	return s.number(at)
}

// after goes from the end of a value to the next value around it, or to the end of the outermost.
func (s *Scanner) after(at int) (next int) {
	for len(s.open) > 0 {
		closing := s.open[len(s.open)-1]
		switch at = s.Space(at); {
		case s.Is(at, closing):
			s.open = s.open[:len(s.open)-1]
			at++
		case !s.Is(at, ','):
			return -1
		case closing == '}':
			_, value := s.key(s.around(), s.Space(at+1))
			return value
		default:
			s.path = s.around()
			return s.Space(at + 1)
		}
	}
	return at
}

// around returns the hash of the path of the innermost open value, 0 if paths are not noted.
func (s *Scanner) around() uint64 {
	if s.Paths == nil {
		return 0
	}
	s.objects = s.objects[:len(s.open)]
	return s.objects[len(s.open)-1]
}
