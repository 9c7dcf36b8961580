package events

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// header holds the headers that lazisync reads, by lower-case name: NATS preserves case,
// and clients differ in it.
type header map[string]string

const (
	keyContentType  = "content-type"
	keyMsgID        = "nats-msg-id"
	keyFirstStored  = "lazisync-first-stored"
	attributePrefix = "ce-"
)

func readHeader(raw map[string][]string) (header, *Rejection) {
	read := header{}
	for name, values := range raw {
		key := strings.ToLower(name)
		if !strings.HasPrefix(key, attributePrefix) && key != keyContentType && key != keyMsgID && key != keyFirstStored {
			continue
		}
		if _, twice := read[key]; twice || len(values) > 1 {
			return nil, Reject(CodeBadEnvelope, FieldError{Path: key, Got: "several headers", Want: "one header"})
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

// isBinary reports whether the headers contain an attribute of an event.
func (h header) isBinary() bool {
	for name := range h {
		if strings.HasPrefix(name, attributePrefix) {
			return true
		}
	}
	return false
}

// binaryEnvelope returns the envelope of an event in binary mode: its attributes are headers,
// the body is its data.
func binaryEnvelope(h header, data []byte, tolerant bool) *envelope {
	e := &envelope{data: data, tolerant: tolerant}
	for key, raw := range h {
		name, isAttribute := strings.CutPrefix(key, attributePrefix)
		if !isAttribute {
			continue
		}
		value, err := url.PathUnescape(raw)
		if err != nil || !utf8.ValidString(value) {
			e.invalid(key, quote(raw), "percent-encoded UTF-8")
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
		e.reject(rejection)
	}
	return e
}

// isJSON reports whether a media type is JSON.
func isJSON(mediaType string) bool {
	kind, subtype, _ := strings.Cut(mediaType, "/")
	return kind != "" && (strings.HasSuffix(subtype, "+json") || subtype == "json" && (kind == "application" || kind == "text"))
}
