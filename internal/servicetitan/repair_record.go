package servicetitan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/lazi/lazisync/internal/jsonscan"
)

// element scans one record and returns the index after it. A record that is not JSON is
// replaced by null.
func (r *repairer) element(at int) (end int, ok bool) {
	end, closed := valueEnd(r.body, at)
	if closed && end > at && r.endsAt(end) && jsonscan.Valid(r.body[at:end]) && !deeperThan(r.body[at:end], deepest) {
		return end, true
	}
	endUnknown := false
	if !closed || end == at || !r.separates(end) || spansRecords(r.body[at:end]) {
		if next, found := r.findRecordEnd(at); found {
			end, closed, endUnknown = next, true, true
		}
	}
	if !closed || end == at {
		return at, false
	}
	raw := bytes.TrimSpace(r.body[at:end])
	fault := findFault(raw)
	if fault == nil && !deeperThan(raw, deepest) {
		r.warn("", "a record is surrounded by characters that are not JSON white space at byte %d", at)
		r.replace(at, end, string(raw))
		return end, true
	}
	if fault == nil {
		fault = &jsonFault{at: 0, reason: fmt.Sprintf("nested deeper than %d levels", deepest)}
	}
	r.damaged[r.received] = damagedRecord{raw: raw, fault: fault.at, endUnknown: endUnknown, reason: fmt.Sprintf(
		"record is not JSON: %s at byte %d of the record, byte %d of the page", fault.reason, fault.at, at+fault.at)}
	r.replace(at, end, "null")
	return end, true
}

// deepest is the maximum nesting of a record. A page adds two levels, and a JSON parser
// accepts 10,000.
const deepest = 9990

// endsAt reports whether a valid record may end at an index. A missing comma is tolerated.
func (r *repairer) endsAt(at int) bool {
	next := skipSpace(r.body, at)
	return r.separates(at) || next < len(r.body) && r.body[next] == '{'
}

// separates reports whether a comma or the end of the array follows an index.
func (r *repairer) separates(at int) bool {
	at = skipSpace(r.body, at)
	return at < len(r.body) && (r.body[at] == ',' || r.body[at] == ']')
}

// spansRecords reports whether a string in an element ends like the border of two elements.
// Then a missing or surplus quote has turned JSON into text.
func spansRecords(raw []byte) bool {
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

// maxCandidates bounds the number of places that are tried as the start of the next record.
const maxCandidates = 500

// findRecordEnd finds the end of an element whose own brackets and quotes do not tell it:
// the first place from which on the page is well-formed.
func (r *repairer) findRecordEnd(at int) (end int, found bool) {
	key := firstKey(r.body, at)
	tried := 0
	for i := at + 1; i < len(r.body) && tried < maxCandidates; i++ {
		switch c := r.body[i]; {
		case c == '{' && key != "" && firstKey(r.body, i) == key:
			comma := len(bytes.TrimRight(r.body[:i], " \t\r\n")) - 1
			if r.body[comma] != ',' {
				continue
			}
			if tried++; r.recordsFollow(i) {
				return comma, true
			}
		case c == ']':
			if tried++; r.closesAt(i) {
				return i, true
			}
		}
	}
	return 0, false
}

// recordsFollow reports whether valid records follow from an index, up to another fault or
// to the end of the array.
func (r *repairer) recordsFollow(at int) bool {
	for good := 0; ; good++ {
		end, closed := valueEnd(r.body, at)
		if !closed || !r.separates(end) || !jsonscan.Valid(r.body[at:end]) {
			return good > 0
		}
		next := skipSpace(r.body, end)
		if r.body[next] == ']' {
			return r.closesAt(next)
		}
		at = skipSpace(r.body, next+1)
	}
}

// closesAt reports whether the array of records may close at an index, that is, whether the
// rest of the page is then JSON.
func (r *repairer) closesAt(at int) bool {
	head, tail := r.body[:r.data+1], r.body[at:]
	d := json.NewDecoder(io.MultiReader(bytes.NewReader(head), bytes.NewReader(tail))) // mostly fails soon
	if d.Decode(new(json.RawMessage)) != nil {
		return false
	}
	behind := int(d.InputOffset()) - len(head)
	return behind > 0 && skipSpace(tail, behind) == len(tail)
}

// anotherRecord matches the border between two records, or between two elements of another
// array.
var anotherRecord = regexp.MustCompile(`,\s*\{`)

// id returns the ID of a damaged record if it is among the fields before the fault, else "".
// It also returns "" if the damage may span several records: a sweep treats IDs that it does
// not see as deleted.
func (d *decoder) id(record damagedRecord) string {
	if record.endUnknown && anotherRecord.Match(record.raw) {
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
	whole := slices.Concat(raw[:comma], []byte("}"))
	d.scan(&jsonscan.Scanner{Data: whole}, 0, d.field)
	read, _ := d.read(whole, true)
	return read.ID
}
