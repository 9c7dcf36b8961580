package servicetitan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
)

// repaired is a malformed page without its faults: body is JSON again, and holds every
// record that is JSON.
type repaired struct {
	body     []byte
	damaged  map[int]damagedRecord // by their place in data, where null stands now
	warnings []string              // of faults that cost no record
	gaps     int                   // commas without a record
	unread   map[string]string     // fields of the envelope that are null now: what they held
}

// damagedRecord is an element of data that is not JSON.
type damagedRecord struct {
	raw    []byte
	fault  int    // index in raw
	reason string // names the place in the page and in the record
	lost   bool   // where it ends is lost: it may hold the records that follow it
}

// repairer goes through a malformed page. It takes brackets and quotes for what they are
// and does not look at what else stands between them.
type repairer struct {
	body []byte
	repaired
	kept int // body[:kept] is in repaired.body, or left out of it
	data int // where the array of records opens
	came int // elements of data so far
}

// repair takes the records and fields that are not JSON out of a page. It returns nil
// where the rest would not be a page.
func repair(shape entity.Shape, body []byte) *repaired {
	r := &repairer{body: body, repaired: repaired{damaged: map[int]damagedRecord{}, unread: map[string]string{}}}
	at, ok := skipSpace(body, 0), false
	switch {
	case at == len(body):
		return nil
	case shape == entity.Array && body[at] == '[':
		at, ok = r.elements(at)
	case shape != entity.Array && body[at] == '{':
		at, ok = r.fields(at + 1)
	}
	if !ok || !r.end(skipSpace(body, at)) {
		return nil
	}
	r.repaired.body = append(r.repaired.body, body[r.kept:]...)
	if !validJSON(r.repaired.body) {
		return nil
	}
	return &r.repaired
}

// replace puts text in the place of body[from:to].
func (r *repairer) replace(from, to int, text string) {
	r.repaired.body = append(r.repaired.body, r.body[r.kept:from]...)
	r.repaired.body = append(r.repaired.body, text...)
	r.kept = to
}

// end leaves out what follows the page, unless it may be part of one.
func (r *repairer) end(at int) (ok bool) {
	if at == len(r.body) {
		return true
	}
	r.warnings = append(r.warnings, fmt.Sprintf("the page is followed by what is no JSON at byte %d", at))
	r.replace(at, len(r.body), "")
	return !bytes.ContainsAny(r.body[at:], `{}[]"`)
}

// fields goes through the fields of the envelope and returns the place behind it.
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
			if comma >= r.kept {
				r.replace(comma, comma+1, "")
			}
			return at + 1, true
		}
		name, value, ok := r.name(at)
		if !ok {
			from := at
			if comma >= r.kept {
				from, comma = comma, -1
			}
			if at, ok = r.nameless(from, at); !ok {
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

// name reads the name of the field at a place, and where its value begins.
func (r *repairer) name(at int) (name string, value int, ok bool) {
	end := stringEnd(r.body, at)
	if r.body[at] != '"' || end >= len(r.body) || !validJSON(r.body[at:end+1]) {
		return "", at, false
	}
	colon := skipSpace(r.body, end+1)
	if colon >= len(r.body) || r.body[colon] != ':' {
		return "", at, false
	}
	return string(r.body[at+1 : end]), skipSpace(r.body, colon+1), true
}

// nameless leaves out a field whose name is not JSON, from a place in front of it on.
func (r *repairer) nameless(from, at int) (end int, ok bool) {
	for end = at; end == at || end < len(r.body) && r.body[end] != ',' && r.body[end] != '}'; {
		next, ok := valueEnd(r.body, end)
		if !ok || next == end {
			return at, false
		}
		end = skipSpace(r.body, next)
	}
	r.warnings = append(r.warnings, fmt.Sprintf("the page has a field whose name is not JSON at byte %d: %s", at, clean(string(r.body[at:end]), quotedBytes)))
	r.replace(from, end, "")
	return end, true
}

// field goes through the value of one field. One that is not JSON becomes null.
func (r *repairer) field(name string, at int) (end int, ok bool) {
	if name == "data" && at < len(r.body) && r.body[at] == '[' {
		return r.elements(at)
	}
	if end, ok = valueEnd(r.body, at); !ok || end == at {
		return at, false
	}
	if raw := r.body[at:end]; !validJSON(raw) {
		r.replace(at, end, "null")
		r.unread[name] = fmt.Sprintf("%s at byte %d of the answer", clean(string(raw), quotedBytes), at)
	}
	return end, true
}

// elements goes through the array of records that opens at the given place.
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
			r.gap(at)
			at++
		default:
			if wantsComma {
				r.warnings = append(r.warnings, fmt.Sprintf("the page lacks a comma at byte %d", at))
				r.replace(at, at, ",")
			}
			if at, ok = r.element(at); !ok {
				return at, false
			}
			wantsComma = true
			r.came++
		}
	}
}

// dropComma takes away a comma before the closing bracket.
func (r *repairer) dropComma(open, closing int, wantsComma bool) {
	before := bytes.LastIndexByte(r.body[open:closing], ',')
	if wantsComma || before < 0 || open+before < r.kept || len(bytes.TrimSpace(r.body[open+before+1:closing])) > 0 {
		return
	}
	r.gap(open + before)
}

// gap takes away a comma that has no record before or behind it.
func (r *repairer) gap(at int) {
	r.gaps++
	r.warnings = append(r.warnings, fmt.Sprintf("the page has a comma too many at byte %d: a record may be missing", at))
	r.replace(at, at+1, "")
}

// element goes through one record and returns the place behind it. One that is not JSON
// becomes null.
func (r *repairer) element(at int) (end int, ok bool) {
	end, closed := valueEnd(r.body, at)
	if closed && end > at && r.endsAt(end) && validJSON(r.body[at:end]) && !deeperThan(r.body[at:end], deepest) {
		return end, true
	}
	lost := false
	if !closed || end == at || !r.separates(end) || swallows(r.body[at:end]) {
		if next, found := r.resume(at); found {
			end, closed, lost = next, true, true
		}
	}
	if !closed || end == at {
		return at, false
	}
	raw := bytes.TrimSpace(r.body[at:end])
	fault := findFault(raw)
	if fault == nil && !deeperThan(raw, deepest) {
		r.warnings = append(r.warnings, fmt.Sprintf("the page has what is no white space of JSON around a record at byte %d", at))
		r.replace(at, end, string(raw))
		return end, true
	}
	if fault == nil {
		fault = &jsonFault{at: 0, reason: fmt.Sprintf("it is nested deeper than %d levels", deepest)}
	}
	r.damaged[r.came] = damagedRecord{raw: raw, fault: fault.at, lost: lost, reason: fmt.Sprintf(
		"record is not JSON: %s at byte %d of the record, byte %d of the page", fault.reason, fault.at, at+fault.at)}
	r.replace(at, end, "null")
	return end, true
}

// deepest is the nesting that a record may have: a page takes two levels more, and a
// JSON parser 10,000.
const deepest = 9990

// endsAt says whether a record that is JSON may end at a place: a comma that is missing
// costs nothing.
func (r *repairer) endsAt(at int) bool {
	next := skipSpace(r.body, at)
	return r.separates(at) || next < len(r.body) && r.body[next] == '{'
}

// separates says whether what follows a place ends an element.
func (r *repairer) separates(at int) bool {
	at = skipSpace(r.body, at)
	return at < len(r.body) && (r.body[at] == ',' || r.body[at] == ']')
}

// swallows says whether a string of an element ends like the border of two elements: then
// a quote too many, or too few, made text of what is none.
func swallows(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '"' {
			continue
		}
		end := min(stringEnd(raw, i), len(raw))
		text := bytes.TrimRight(raw[i+1:end], " \t\r\n")
		if before, found := bytes.CutSuffix(text, []byte("{")); found && bytes.HasSuffix(bytes.TrimRight(before, " \t\r\n"), []byte(",")) {
			return true
		}
		i = end
	}
	return false
}

// maxResumes bounds how many places are tried as the beginning of the next record.
const maxResumes = 500

// resume finds the end of an element whose own brackets and quotes do not say it: the
// first place behind it from where on the page is well-formed.
func (r *repairer) resume(at int) (end int, found bool) {
	key := firstKey(r.body, at)
	tried := 0
	for i := at + 1; i < len(r.body) && tried < maxResumes; i++ {
		switch c := r.body[i]; {
		case c == '{' && key != "" && firstKey(r.body, i) == key:
			comma := len(bytes.TrimRight(r.body[:i], " \t\r\n")) - 1
			if r.body[comma] != ',' {
				continue
			}
			if tried++; r.continues(i) {
				return comma, true
			}
		case c == ']':
			if tried++; r.closes(i) {
				return i, true
			}
		}
	}
	return 0, false
}

// continues says whether records follow from a place on, up to another fault or the end
// of the array.
func (r *repairer) continues(at int) bool {
	for good := 0; ; good++ {
		end, closed := valueEnd(r.body, at)
		if !closed || !r.separates(end) || !validJSON(r.body[at:end]) {
			return good > 0
		}
		next := skipSpace(r.body, end)
		if r.body[next] == ']' {
			return r.closes(next)
		}
		at = skipSpace(r.body, next+1)
	}
}

// closes says whether the array of records may close at a place: what surrounds it is
// JSON then.
func (r *repairer) closes(at int) bool {
	head, tail := r.body[:r.data+1], r.body[at:]
	d := json.NewDecoder(io.MultiReader(bytes.NewReader(head), bytes.NewReader(tail))) // mostly fails soon
	if d.Decode(new(json.RawMessage)) != nil {
		return false
	}
	behind := int(d.InputOffset()) - len(head)
	return behind > 0 && skipSpace(tail, behind) == len(tail)
}

// firstKey is the first key of the object that opens at a place, "" where it has none.
func firstKey(body []byte, at int) string {
	if at >= len(body) || body[at] != '{' {
		return ""
	}
	at = skipSpace(body, at+1)
	if at >= len(body) || body[at] != '"' {
		return ""
	}
	return string(body[at:min(stringEnd(body, at)+1, len(body))])
}

// anotherRecord is what stands between two records, or two elements of another array.
var anotherRecord = regexp.MustCompile(`,\s*\{`)

// id reads the id of a damaged record from the fields before its fault, "" where it is
// not among them, or not the only one: a sweep takes ids that it does not see for gone.
func (d *decoder) id(record damagedRecord) string {
	if record.lost && anotherRecord.Match(record.raw) {
		return ""
	}
	raw := record.raw[:record.fault]
	comma, depth := -1, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			i = stringEnd(raw, i)
		case ',':
			if depth == 1 {
				comma = i
			}
		}
	}
	if comma < 0 {
		return ""
	}
	whole := string(raw[:comma]) + "}"
	read, _ := d.read(gjson.Parse(whole), []byte(whole))
	return strings.Clone(read.ID)
}

func skipSpace(body []byte, at int) int {
	for at < len(body) && (body[at] == ' ' || body[at] == '\t' || body[at] == '\r' || body[at] == '\n') {
		at++
	}
	return at
}

// valueEnd is the place behind the value that begins at a place, by its brackets and
// quotes alone. It is not ok where they do not close, or close otherwise than they open.
func valueEnd(body []byte, at int) (end int, ok bool) {
	var open []byte
	for i := at; i < len(body); i++ {
		switch c := body[i]; c {
		case '{':
			open = append(open, '}')
		case '[':
			open = append(open, ']')
		case '"':
			i = stringEnd(body, i)
		case '}', ']':
			if len(open) == 0 {
				return i, true // of what surrounds it
			}
			if open[len(open)-1] != c {
				return i, false
			}
			open = open[:len(open)-1]
		case ',':
			if len(open) == 0 {
				return i, true
			}
			continue
		default:
			continue
		}
		if len(open) == 0 && i < len(body) {
			return i + 1, true
		}
	}
	return len(body), false
}

// missing says which field of the envelope the page cannot do without, and lacks because
// it is not JSON.
func (r *repaired) missing(shape entity.Shape, env envelope) error {
	if r == nil {
		return nil
	}
	for _, field := range []struct {
		name, want string
		needed     bool
	}{
		{"data", "an array", true},
		{"hasMore", "true or false", shape == entity.Pages},
		{"continueFrom", "a string", env.hasMore},
	} {
		if was, unread := r.unread[field.name]; unread && field.needed {
			return wrongShape("%s is %s, want %s", field.name, was, field.want)
		}
	}
	return nil
}

// record is the damaged record at a place in data.
func (r *repaired) record(at int) (bad damagedRecord, damaged bool) {
	if r == nil {
		return bad, false
	}
	bad, damaged = r.damaged[at]
	return bad, damaged
}

// total is how many records the page says there are, -1 where it does not.
func (r *repaired) total() int {
	if r == nil {
		return -1
	}
	env, _ := readFields(gjson.ParseBytes(r.body))
	return env.total
}
