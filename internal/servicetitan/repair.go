package servicetitan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/jsonscan"
)

// repaired is a malformed page without its faults: body is JSON and contains every record
// that is JSON.
type repaired struct {
	body          []byte
	damaged       map[int]damagedRecord // by index in data, where null replaces them
	warnings      []repairWarning       // about faults without a lost record
	emptyElements int                   // commas without a record
	unread        map[string]unreadField
}

// quotedText is a text about a page, and the part of the page that it quotes, "" for none.
type quotedText struct{ text, quote string }

// with returns the text, with its quote if that may be shown.
func (t quotedText) with(quotes bool) string {
	if t.quote == "" || !quotes {
		return t.text
	}
	return t.text + ": " + t.quote
}

// repairWarning is a warning about a fault that a page has in one or more places.
type repairWarning struct {
	quotedText        // about the first place
	format     string // of the text, the same for every place
	more       int    // number of other places
}

// warnedFields is how many fields that are not JSON the warnings about a page name.
const warnedFields = 10

// unreadField is a field of the envelope that null replaces.
type unreadField struct {
	quote string // its former value
	at    int    // its index in the response
}

// warningTexts returns the warnings about the page, with or without quotes of it.
func (r *repaired) warningTexts(quotes bool) (texts []string) {
	for _, w := range r.warnings {
		text := w.with(quotes)
		if w.more > 0 {
			text += ", and in " + display.Count(w.more, "more place")
		}
		texts = append(texts, text)
	}
	for i, name := range slices.Sorted(maps.Keys(r.unread)) {
		if i == warnedFields {
			return append(texts, "and "+display.Count(len(r.unread)-i, "more such field"))
		}
		field := r.unread[name]
		warning := quotedText{text: "a field of the page is not JSON"}
		if quotes { // a damaged page may have data in the place of a name
			warning.text = fmt.Sprintf("field %s of the page is not JSON", name)
		}
		warning.quote = fmt.Sprintf("%s at byte %d of the response", field.quote, field.at)
		texts = append(texts, warning.with(quotes))
	}
	return texts
}

// damagedRecord is an element of data that is not JSON.
type damagedRecord struct {
	raw        []byte
	fault      int    // index in raw
	reason     string // contains the position in the page and in the record
	endUnknown bool   // its end is unknown: it may contain the records after it
}

// repairer scans a malformed page by its brackets and quotes, and ignores what else is
// between them.
type repairer struct {
	body []byte
	repaired
	copied   int // body[:kept] is in repaired.body, or omitted from it
	data     int // index of the array of records
	received int // elements of data so far
}

// repair removes the records and fields that are not JSON from a page. It returns nil if the
// rest is not a page.
func repair(shape entity.Shape, body []byte) *repaired {
	r := &repairer{body: body, repaired: repaired{damaged: map[int]damagedRecord{}, unread: map[string]unreadField{}}}
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
	r.repaired.body = append(r.repaired.body, body[r.copied:]...)
	if !jsonscan.Valid(r.repaired.body) {
		return nil
	}
	return &r.repaired
}

// replace replaces body[from:to] by text.
func (r *repairer) replace(from, to int, text string) {
	r.repaired.body = append(r.repaired.body, r.body[r.copied:from]...)
	r.repaired.body = append(r.repaired.body, text...)
	r.copied = to
}

// warn adds a warning about a fault at an index of the page, which quotes a part of it. A page may have
// the same fault in every record: the first place is described, the others are counted.
func (r *repairer) warn(quote, format string, at int) {
	for i := range r.warnings {
		if w := &r.warnings[i]; w.format == format {
			w.more++
			return
		}
	}
	r.warnings = append(r.warnings, repairWarning{quotedText: quotedText{fmt.Sprintf(format, at), quote}, format: format})
}

// end removes what follows the page. It is not ok if that may be a part of a page.
func (r *repairer) end(at int) (ok bool) {
	if at == len(r.body) {
		return true
	}
	r.warn("", "the page is followed by text that is not JSON at byte %d", at)
	r.replace(at, len(r.body), "")
	return !bytes.ContainsAny(r.body[at:], `{}[]"`)
}

// missing returns an error if a required field of the envelope is not JSON.
func (r *repaired) missing(shape entity.Shape, env envelope) error {
	if r == nil {
		return nil
	}
	for _, field := range []struct {
		name, want string
		required   bool
	}{
		{"data", "an array", true},
		{"hasMore", "a boolean", shape == entity.Pages},
		{"continueFrom", "a string", env.hasMore},
	} {
		if was, unread := r.unread[field.name]; unread && field.required {
			err := shapeErrorf("%s is %s at byte %d of the response, want %s", field.name, was.quote, was.at, field.want)
			err.unquoted = fmt.Sprintf("%s is not JSON at byte %d of the response, want %s", field.name, was.at, field.want)
			return err
		}
	}
	return nil
}

// record returns the damaged record at an index in data.
func (r *repaired) record(at int) (bad damagedRecord, damaged bool) {
	if r == nil {
		return bad, false
	}
	bad, damaged = r.damaged[at]
	return bad, damaged
}

// total returns the number of records that the page reports, -1 if it does not.
func (r *repaired) total() int {
	if r == nil {
		return -1
	}
	page, _ := scanPage(entity.Pages, r.body, nil)
	return page.total
}
