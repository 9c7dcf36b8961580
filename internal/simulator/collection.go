package simulator

import (
	"cmp"
	"slices"
	"sync"
)

// collection holds all records of one entity in two orders: by id, as lists
// serve them, and by time of change, as export feeds do. Records never leave
// it, those that were removed are only no longer shown; and every change is later than all before it: so the feed is a slice to
// which changes are appended, and finding a place in it is a binary search.
type collection struct {
	*kind
	stock   sync.Once // makes the first records
	mu      sync.RWMutex
	records []*record // by ordinal, which is also by id
	feed    []slot    // by position
	slots   []int     // where in feed a record stands, by ordinal
	vacant  int       // slots whose record has moved on
	late    *late     // what the API shows where it lags; nil where it does not
}

type slot struct {
	position
	record *record // nil where it has changed since and stands further on
}

// fill takes the first records, in order of id.
func (c *collection) fill(records []*record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records = records
	c.feed = make([]slot, len(records))
	c.slots = make([]int, len(records))
	for i, r := range records {
		c.feed[i] = slot{r.position(), r}
	}
	slices.SortFunc(c.feed, func(a, b slot) int { return a.compare(b.position) })
	c.number()
}

// number notes where each record stands in the feed.
func (c *collection) number() {
	for i, s := range c.feed {
		c.slots[s.record.Ordinal] = i
	}
}

// put adds a record, or replaces its earlier version. It must be the latest
// change of the collection.
func (c *collection) put(r *record) {
	c.late.put(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Ordinal == len(c.records) {
		c.records = append(c.records, r)
		c.slots = append(c.slots, 0)
	} else {
		c.records[r.Ordinal] = r
		c.feed[c.slots[r.Ordinal]].record = nil
		c.vacant++
	}
	c.slots[r.Ordinal] = len(c.feed)
	c.feed = append(c.feed, slot{r.position(), r})
	if c.vacant > len(c.records)/2+100 {
		c.feed = slices.DeleteFunc(c.feed, func(s slot) bool { return s.record == nil })
		c.vacant = 0
		c.number()
	}
}

func (c *collection) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.records)
}

func (c *collection) at(ordinal int) *record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.records[ordinal]
}

// find looks a record up by id, nil where there is none or it was removed.
func (c *collection) find(id int64) *record {
	if r := c.lookUp(id); r != nil && !r.Removed {
		return r
	}
	return nil
}

// lookUp looks a record up by id, also one that was removed.
func (c *collection) lookUp(id int64) *record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	i, found := slices.BinarySearchFunc(c.records, id, func(r *record, id int64) int { return cmp.Compare(r.id, id) })
	if !found {
		return nil
	}
	return c.records[i]
}

// all is every record that there is now, by id.
func (c *collection) all() []*record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(c.records), func(r *record) bool { return r.Removed })
}

// after is a page of the feed: up to limit records behind a position that
// changed no later than until and are to be shown, and whether there are more
// of them. Without show, all are.
func (c *collection) after(p position, until ticks, limit int, show func(*record) bool) (page []*record, more bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	page = make([]*record, 0, limit)
	for _, s := range c.feed[c.seek(p):] {
		switch {
		case s.record == nil || show != nil && !show(s.record):
		case s.modified > until:
			return page, false
		case len(page) == limit:
			return page, true
		default:
			page = append(page, s.record)
		}
	}
	return page, false
}

// settled is the position behind everything that changed no later than until.
func (c *collection) settled(until ticks) position {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if i := c.seek(position{until + 1, 0}); i > 0 {
		return c.feed[i-1].position
	}
	return position{}
}

// seek is the index of the first slot behind a position.
func (c *collection) seek(p position) int {
	i, found := slices.BinarySearchFunc(c.feed, p, func(s slot, p position) int { return s.compare(p) })
	if found {
		i++
	}
	return i
}

// query selects and orders the records of a list.
type query struct {
	match       func(*record) bool     // nil: all
	order       func(a, b *record) int // nil: by id
	skip, limit int
	count       bool // also count all that match
}

// list is a page of the list, whether there are more, and how many match in
// all, where the query asked to count.
func (c *collection) list(q query) (page []*record, more bool, total int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	matching := c.records
	if q.match != nil || q.order != nil {
		matching = c.matching(q)
	}
	first := min(q.skip, len(matching))
	last := min(first+q.limit, len(matching))
	return slices.Clone(matching[first:last]), last < len(matching), len(matching)
}

// matching is what the query selects, in its order: all of it where it must be
// counted or ordered, else as much as tells whether there is more behind the page.
func (c *collection) matching(q query) []*record {
	var out []*record
	for _, r := range c.records {
		if q.match != nil && !q.match(r) {
			continue
		}
		out = append(out, r)
		if !q.count && q.order == nil && len(out) > q.skip+q.limit {
			break
		}
	}
	if q.order != nil {
		slices.SortStableFunc(out, q.order)
	}
	return out
}
