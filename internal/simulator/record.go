package simulator

import "cmp"

// state is everything about a record that is not decided by the seed. A
// record's JSON follows from seed, entity and state alone, so that a journal of
// states is enough to have the company back after a restart.
type state struct {
	Ordinal  int   `json:"ordinal"` // the how-manieth record of its entity, from 0
	Version  int   `json:"version"` // how often it was changed
	Created  ticks `json:"created"`
	Modified ticks `json:"modified"`
	Dateless bool  `json:"dateless,omitempty"` // its modifiedOn reads null
	Inactive bool  `json:"inactive,omitempty"`
	MergedTo int64 `json:"mergedTo,omitempty"`
}

// record is one version of a record; it is never changed, only replaced.
type record struct {
	state
	id   int64
	body []byte // as the export feed shows it
	list int    // so many bytes of body, and a closing brace, are what the list shows
}

// appendList appends the record as the list shows it.
func (r *record) appendList(buf []byte) []byte {
	return append(append(buf, r.body[:r.list]...), '}')
}

// appendExport appends the record as the export feed shows it.
func (r *record) appendExport(buf []byte) []byte { return append(buf, r.body...) }

// position is a place in a feed: behind the record that has these values.
type position struct {
	modified ticks
	id       int64
}

func (r *record) position() position { return position{r.Modified, r.id} }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.modified, q.modified), cmp.Compare(p.id, q.id))
}
