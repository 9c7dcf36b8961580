package servicetitan

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/jsonscan"
)

// decodePage splits the response to a request for the page at into records, to which it applies the field
// policy. Their Raw shares memory with body unless something was replaced.
func decodePage(e entity.Entity, at entity.Cursor, body []byte, fields *FieldPolicy) (entity.Page, error) {
	return decodeBody(e, at, body, fields, nil)
}

// decodeRepaired decodes a repaired page. Records that are not JSON are rejected.
func decodeRepaired(e entity.Entity, at entity.Cursor, r *repaired, fields *FieldPolicy) (entity.Page, error) {
	page, err := decodeBody(e, at, r.body, fields, r)
	if err != nil {
		return page, err
	}
	page.DamagedPlaces, page.Warnings = r.emptyElements, append(page.Warnings, r.warningTexts(!fields.covers(e.Name))...)
	return page, nil
}

func decodeBody(e entity.Entity, at entity.Cursor, body []byte, fields *FieldPolicy, r *repaired) (entity.Page, error) {
	shape := entity.Pages
	if at.Feed == entity.List {
		shape = e.Shape
	}
	d := newDecoder(e, at.Feed, r)
	d.policy = fields.rewriter(e.Name)
	env, err := readEnvelope(shape, body, d)
	if err := cmp.Or(r.missing(shape, env), err); err != nil {
		return entity.Page{}, err
	}
	if shape == entity.Data && !e.Unpaged && d.received == e.LargestPage() {
		env.hasMore = true // such a list does not say; a page that is not full is the last
	}
	page := entity.Page{Records: d.records, Rejected: d.rejected, Last: !env.hasMore, Total: env.total, Fields: d.fields.paths()}
	page.Next, err = env.next(e, at, d, d.received)
	if err != nil {
		return entity.Page{}, err
	}
	return page, nil
}

// decoder collects the records of one page.
type decoder struct {
	entity   entity.Entity
	feed     entity.Feed
	repaired *repaired // nil for a page without faults
	policy   *rewriter // applied to each record; nil keeps all fields

	received int // elements of data
	records  []entity.Record
	rejected []entity.Rejected
	index    map[string]int // of an id in records

	fields *fieldSet // of all records; nil collects none
	paths  *jsonscan.PathSet

	identity []string // the fields that identify a record

	// The record being read. Of equal fields the last counts, as in jsonb.
	scanner                    *jsonscan.Scanner
	key                        []gjson.Result // what the identity fields hold
	modifiedOn, active, status gjson.Result
}

func newDecoder(e entity.Entity, feed entity.Feed, r *repaired) *decoder {
	d := &decoder{entity: e, feed: feed, repaired: r, fields: &fieldSet{}, paths: jsonscan.NewPathSet(), identity: e.Identity()}
	d.key = make([]gjson.Result, len(d.identity))
	return d
}

// elements decodes the array of records at an index.
func (d *decoder) elements(s *jsonscan.Scanner, at int) (end int) {
	d.received, d.records, d.rejected, d.index = 0, nil, nil, map[string]int{}
	field := d.field
	s.Paths = d.paths
	defer func() { s.Paths = nil }()
	return s.Elements(at, func(at int) (end int) {
		bad, damaged := d.repaired.record(d.received)
		d.received++
		switch {
		case damaged:
			d.rejected = append(d.rejected, entity.Rejected{ID: d.id(bad), Reason: bad.reason, Raw: d.policy.unparsed(bad.raw)})
			return s.Value(at) // null in its place
		case !s.Is(at, '{'):
			if end = s.Value(at); end >= 0 {
				d.rejectValue(s.Data[at:end])
			}
			return end
		}
		s.Escapes, s.NonASCII = false, false
		s.Root()
		if end = d.scan(s, at, field); end >= 0 {
			d.noteFields(s.Data[at:end])
			d.add(d.policy.record(s.Data[at:end]), s.Escapes || s.NonASCII)
		}
		return end
	})
}

// rejectValue rejects a value that is not an object.
func (d *decoder) rejectValue(raw []byte) {
	what := describe(gjson.ParseBytes(raw))
	if d.policy != nil {
		what = kindOf(gjson.ParseBytes(raw))
	}
	d.rejected = append(d.rejected, entity.Rejected{Reason: fmt.Sprintf("record is %s, want an object", what), Raw: d.policy.unparsed(raw)})
}

// noteFields collects the fields of a record that has a path which no record before it had.
func (d *decoder) noteFields(raw []byte) {
	if d.fields != nil && d.paths.New {
		d.paths.New = false
		d.fields.add(raw)
	}
}

// scan reads the fields of the record at an index.
func (d *decoder) scan(s *jsonscan.Scanner, at int, field func([]byte, int) int) (end int) {
	d.scanner, d.modifiedOn, d.active, d.status = s, gjson.Result{}, gjson.Result{}, gjson.Result{}
	clear(d.key)
	return s.Fields(at, field)
}

// field reads a field of the record.
func (d *decoder) field(key []byte, at int) (end int) {
	if end = d.scanner.Value(at); end < 0 {
		return end
	}
	raw := d.scanner.Data[at:end]
	switch string(key) {
	case "modifiedOn":
		d.modifiedOn = gjson.ParseBytes(raw)
	case "active":
		d.active = gjson.ParseBytes(raw)
	case "status":
		if d.entity.GoneStatus != "" {
			d.status = gjson.ParseBytes(raw)
		}
	}
	for i, name := range d.identity {
		if string(key) == name {
			d.key[i] = gjson.ParseBytes(raw)
		}
	}
	return end
}

// add adds the record that was scanned. If a record occurs twice, the newer version is kept,
// and of equally new ones the later. Without special bytes, every byte can be stored.
func (d *decoder) add(raw []byte, special bool) {
	record, reason := d.read(raw, special)
	if reason != "" {
		d.rejected = append(d.rejected, entity.Rejected{ID: record.ID, Reason: reason, Raw: raw})
		return
	}
	i, repeated := d.index[record.ID]
	if !repeated {
		d.index[record.ID] = len(d.records)
		d.records = append(d.records, record)
	} else if !record.ModifiedOn.Before(d.records[i].ModifiedOn) {
		d.records[i] = record
	}
}

// read returns the record that was scanned, or the reason why it is rejected.
func (d *decoder) read(raw []byte, special bool) (record entity.Record, reason string) {
	record.Raw = raw
	if special {
		if clean, replaced := storableJSON(raw); replaced {
			record.Raw, record.Received = clean, raw
			d.scan(&jsonscan.Scanner{Data: clean}, 0, d.field)
		}
	}
	if record.ID, reason = d.readKey(); reason != "" {
		return record, reason
	}
	if record.ModifiedOn, reason = readModifiedOn(d.modifiedOn); reason != "" {
		return record, reason
	}
	record.Deleted = d.feed == entity.Export && d.entity.Inactive == entity.Deleted && d.active.Type == gjson.False ||
		d.entity.GoneStatus != "" && d.status.Str == d.entity.GoneStatus
	return record, ""
}

const noTime = "0001-01-01" // how the API's runtime writes a time that was never set

// readModifiedOn returns the zero time if the record has none. A time without a zone is in
// UTC.
func readModifiedOn(value gjson.Result) (t time.Time, reason string) {
	if !value.Exists() || value.Type == gjson.Null || value.Type == gjson.String && strings.HasPrefix(value.Str, noTime) {
		return time.Time{}, ""
	}
	if value.Type == gjson.String {
		if t, err := parseTime(value.Str); err == nil && t.Year() >= 1900 && t.Year() <= 9999 {
			return t.Truncate(time.Microsecond), "" // down: PostgreSQL would round, perhaps into the future
		}
	}
	return time.Time{}, fmt.Sprintf("modifiedOn is %s, want a time such as 2026-02-11T16:04:52.9137221Z from 1900 on", describe(value))
}

func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", text)
	}
	return t.UTC(), err
}
