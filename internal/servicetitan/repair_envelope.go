package servicetitan

import (
	"bytes"

	"github.com/lazi/lazisync/internal/jsonscan"
)

// fields scans the fields of the envelope and returns the index after it.
func (r *repairer) fields(at int) (end int, ok bool) {
	comma, fields := -1, 0 // the comma behind the last of so many fields
	for {
		switch at = skipSpace(r.body, at); {
		case at >= len(r.body):
			return at, false
		case r.body[at] == ',' && comma < 0 && fields > 0:
			comma = at
			at++
			continue
		case r.body[at] == ',':
			r.replace(at, at+1, "")
			at++
			continue
		case r.body[at] == '}':
			if comma >= r.copied {
				r.replace(comma, comma+1, "")
			}
			return at + 1, true
		}
		name, value, ok := r.name(at)
		if !ok {
			from := at
			if comma >= r.copied {
				from, comma = comma, -1
			}
			if at, ok = r.skipUnnamed(from, at); !ok {
				return at, false
			}
			continue
		}
		if at, ok = r.field(name, value); !ok {
			return at, false
		}
		comma = -1
		fields++
	}
}

// name returns the name of the field at an index, and the index of its value.
func (r *repairer) name(at int) (name string, value int, ok bool) {
	end := stringEnd(r.body, at)
	if r.body[at] != '"' || end >= len(r.body) || !jsonscan.Valid(r.body[at:end+1]) {
		return "", at, false
	}
	colon := skipSpace(r.body, end+1)
	if colon >= len(r.body) || r.body[colon] != ':' {
		return "", at, false
	}
	return string(r.body[at+1 : end]), skipSpace(r.body, colon+1), true
}

// skipUnnamed removes a field whose name is not JSON, with the comma at from.
func (r *repairer) skipUnnamed(from, at int) (end int, ok bool) {
	for end = at; end == at || end < len(r.body) && r.body[end] != ',' && r.body[end] != '}'; {
		next, ok := valueEnd(r.body, end)
		if !ok || next == end {
			return at, false
		}
		end = skipSpace(r.body, next)
	}
	r.warn(sanitize(string(r.body[at:end]), quotedBytes), "the page has a field whose name is not JSON at byte %d", at)
	r.replace(from, end, "")
	return end, true
}

// field scans the value of a field. A value that is not JSON is replaced by null.
func (r *repairer) field(name string, at int) (end int, ok bool) {
	if name == "data" && at < len(r.body) && r.body[at] == '[' {
		return r.elements(at)
	}
	if end, ok = valueEnd(r.body, at); !ok || end == at {
		return at, false
	}
	if raw := r.body[at:end]; !jsonscan.Valid(raw) {
		r.replace(at, end, "null")
		r.unread[name] = unreadField{sanitize(string(raw), quotedBytes), at}
	}
	return end, true
}

// elements scans the array of records that opens at an index.
func (r *repairer) elements(open int) (end int, ok bool) {
	r.data = open
	wantsComma := false
	for at := open + 1; ; {
		at = skipSpace(r.body, at)
		switch {
		case at >= len(r.body):
			return at, false
		case r.body[at] == ']':
			r.dropComma(open, at, wantsComma)
			return at + 1, true
		case r.body[at] == ',' && wantsComma:
			wantsComma = false
			at++
		case r.body[at] == ',':
			r.dropEmptyElement(at)
			at++
		default:
			if wantsComma {
				r.warn("", "the page lacks a comma at byte %d", at)
				r.replace(at, at, ",")
			}
			if at, ok = r.element(at); !ok {
				return at, false
			}
			wantsComma = true
			r.received++
		}
	}
}

// dropComma removes a comma before the closing bracket.
func (r *repairer) dropComma(open, closing int, wantsComma bool) {
	before := bytes.LastIndexByte(r.body[open:closing], ',')
	if wantsComma || before < 0 || open+before < r.copied || len(bytes.TrimSpace(r.body[open+before+1:closing])) > 0 {
		return
	}
	r.dropEmptyElement(open + before)
}

// dropEmptyElement removes a comma without a record before or after it.
func (r *repairer) dropEmptyElement(at int) {
	r.emptyElements++
	r.warn("", "the page has a comma too many at byte %d: a record may be missing", at)
	r.replace(at, at+1, "")
}
