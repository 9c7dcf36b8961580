package servicetitan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
)

// decodePage splits the response to a request for the page at into records. Their Raw shares
// memory with body unless something was replaced.
func decodePage(e entity.Entity, at entity.Cursor, body []byte) (entity.Page, error) {
	return decodeBody(e, at, body, nil)
}

// decodeRepaired decodes a repaired page. Records that are not JSON are rejected.
func decodeRepaired(e entity.Entity, at entity.Cursor, r *repaired) (entity.Page, error) {
	page, err := decodeBody(e, at, r.body, r)
	if err != nil {
		return page, err
	}
	page.DamagedPlaces, page.Warnings = r.emptyElements, append(page.Warnings, r.warnings...)
	for _, name := range slices.Sorted(maps.Keys(r.unread)) {
		page.Warnings = append(page.Warnings, fmt.Sprintf("field %s of the page is not JSON: %s", name, r.unread[name]))
	}
	return page, nil
}

func decodeBody(e entity.Entity, at entity.Cursor, body []byte, r *repaired) (entity.Page, error) {
	shape := entity.Pages
	if at.Feed == entity.List {
		shape = e.Shape
	}
	env, err := readEnvelope(shape, body)
	if err := cmp.Or(r.missing(shape, env), err); err != nil {
		return entity.Page{}, err
	}
	d := decoder{entity: e, feed: at.Feed, index: map[string]int{}, identity: e.Identity()}
	d.key = make([]gjson.Result, len(d.identity))
	received := 0
	env.data.ForEach(func(_, value gjson.Result) bool {
		if bad, damaged := r.record(received); damaged {
			d.rejected = append(d.rejected, entity.Rejected{ID: d.id(bad), Reason: bad.reason, Raw: bad.raw})
		} else {
			d.add(value, body[value.Index:value.Index+len(value.Raw)])
		}
		received++
		return true
	})
	if shape == entity.Data && !e.Unpaged && received == e.LargestPage() {
		env.hasMore = true // such a list does not say; a page that is not full is the last
	}
	page := entity.Page{Records: d.records, Rejected: d.rejected, Last: !env.hasMore, Total: env.total}
	page.Next, err = env.next(e, at, &d, received)
	if err != nil {
		return entity.Page{}, err
	}
	return page, nil
}

// decoder collects the records of one page.
type decoder struct {
	entity   entity.Entity
	feed     entity.Feed
	records  []entity.Record
	rejected []entity.Rejected
	index    map[string]int // of an id in records

	identity []string       // the fields that identify a record
	key      []gjson.Result // what they hold in the record being read
}

// add reads the next element of data. If a record occurs twice, the newer version is kept,
// and of equally new ones the later.
func (d *decoder) add(value gjson.Result, raw []byte) {
	record, reason := d.read(value, raw)
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

// read returns the record in value, or the reason why it is rejected.
func (d *decoder) read(value gjson.Result, raw []byte) (record entity.Record, reason string) {
	if !value.IsObject() {
		return record, fmt.Sprintf("record is %s, want an object", describe(value))
	}
	record.Raw = raw
	if clean, replaced := storableJSON(raw); replaced {
		record.Raw, record.Received = clean, raw
		value = gjson.ParseBytes(clean)
	}
	var modifiedOn, active, status gjson.Result
	clear(d.key)
	value.ForEach(func(key, field gjson.Result) bool { // the last of equal keys counts, as in jsonb
		switch key.Str {
		case "modifiedOn":
			modifiedOn = field
		case "active":
			active = field
		case "status":
			status = field
		}
		if i := slices.Index(d.identity, key.Str); i >= 0 {
			d.key[i] = field
		}
		return true
	})
	if record.ID, reason = d.readKey(); reason != "" {
		return record, reason
	}
	if record.ModifiedOn, reason = readModifiedOn(modifiedOn); reason != "" {
		return record, reason
	}
	record.Deleted = d.feed == entity.Export && d.entity.Inactive == entity.Deleted && active.Type == gjson.False ||
		d.entity.GoneStatus != "" && status.Str == d.entity.GoneStatus
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
