package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// state is the part of a record that does not follow from the seed. The JSON of a record
// follows from seed, entity and state, so that a journal of states restores the company
// after a restart.
type state struct {
	Ordinal  int   `json:"ordinal"` // index of the record in its entity
	Version  int   `json:"version"` // number of changes
	Created  ticks `json:"created"`
	Modified ticks `json:"modified"`
	Dateless bool  `json:"dateless,omitempty"` // modifiedOn is null
	Inactive bool  `json:"inactive,omitempty"`
	Removed  bool  `json:"removed,omitempty"` // no list returns it
	MergedTo int64 `json:"mergedTo,omitempty"`
}

// record is one version of a record. It is immutable.
type record struct {
	state
	id     int64  // its number, which is the id of most entities
	key    string // the identity, if that is not the number
	body   []byte // as the export feed returns it
	list   int    // the list returns this many bytes of body and a closing brace
	listed []byte // as the list returns it, if that is not a part of body
}

// isActive reports whether the record is neither removed nor inactive.
func (r *record) isActive() bool { return !r.Removed && !r.Inactive }

// appendList appends the record as lists return it.
func (r *record) appendList(buf []byte) []byte {
	if r.listed != nil {
		return append(buf, r.listed...)
	}
	return append(append(buf, r.body[:r.list]...), '}')
}

// appendExport appends the record as export feeds return it.
func (r *record) appendExport(buf []byte) []byte { return append(buf, r.body...) }

// identity returns the values of the record's key, joined with a slash.
func (r *record) identity() string {
	if r.key != "" {
		return r.key
	}
	return strconv.FormatInt(r.id, 10)
}

// value reads a field of the record, with dots between levels.
func (r *record) value(path string) string {
	var value any
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		panic(fmt.Sprintf("simulator: record %d is not JSON: %s", r.id, r.body))
	}
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return fmt.Sprint(value)
}

// position is a position in a feed, after the record with these values.
type position struct {
	modified ticks
	id       int64
}

func (r *record) position() position { return position{r.Modified, r.id} }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.modified, q.modified), cmp.Compare(p.id, q.id))
}
