package events

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// header holds the headers that matter, by lower-case name: NATS keeps the case
// of a name and leaves its meaning to us.
type header map[string]string

const (
	keyContentType = "content-type"
	keyMsgID       = "nats-msg-id"
	keyFirstStored = "lazisync-first-stored"
	attributeMark  = "ce-"
)

func readHeader(raw map[string][]string) (header, *Rejection) {
	read := header{}
	for name, values := range raw {
		key := strings.ToLower(name)
		if !strings.HasPrefix(key, attributeMark) && key != keyContentType && key != keyMsgID && key != keyFirstStored {
			continue
		}
		if _, twice := read[key]; twice || len(values) > 1 {
			return nil, Reject(CodeBadEnvelope, FieldError{Path: key, Got: "more than one such header", Want: "one"})
		}
		if len(values) == 1 {
			read[key] = values[0]
		}
	}
	return read, nil
}

func (h header) mediaType() string {
	mediaType, _, _ := strings.Cut(h[keyContentType], ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
}

// binary says whether there is any attribute among the headers.
func (h header) binary() bool {
	for name := range h {
		if strings.HasPrefix(name, attributeMark) {
			return true
		}
	}
	return false
}

// binary reads an event whose attributes are headers and whose body is its data.
func binary(h header, data []byte, tolerant bool) *envelope {
	e := &envelope{data: data, tolerant: tolerant}
	for key, raw := range h {
		name, isAttribute := strings.CutPrefix(key, attributeMark)
		if !isAttribute {
			continue
		}
		value, err := url.PathUnescape(raw)
		if err != nil || !utf8.ValidString(value) {
			e.wrong(key, quote(raw), "percent-encoded UTF-8")
			continue
		}
		e.set(name, value)
	}
	if contentType := h[keyContentType]; contentType != "" {
		e.set("datacontenttype", contentType)
	}
	if len(data) == 0 {
		e.data = nil
	} else if rejection := checkJSON(data); rejection != nil {
		e.refuse(rejection)
	}
	return e
}

// isJSON says whether a media type means JSON.
func isJSON(mediaType string) bool {
	kind, subtype, _ := strings.Cut(mediaType, "/")
	return kind != "" && (strings.HasSuffix(subtype, "+json") || subtype == "json" && (kind == "application" || kind == "text"))
}
