package simulator

import (
	"cmp"
	"slices"
	"sync"
)

// collection holds all records of one entity in two orders: by ID for lists, and by time of
// change for export feeds. Records are never removed from it, only hidden. Every change is
// later than all before it, so the feed is a slice that grows at its end and is searched by
// bisection.
type collection struct {
	*kind
	init    sync.Once // generates the initial records
	mu      sync.RWMutex
	records []*record    // by ordinal, which is also the order of ids
	feed    []slot       // by position
	slots   []int        // index in feed of each record, by ordinal
	stale   int          // number of slots whose record has a later one
	delayed *delayedView // the collection as a lagging API returns it; nil without lag
}

type slot struct {
	position
	record *record // nil if it has changed since and has a later slot
}

// fill stores the initial records, which are ordered by ID.
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

// number records the feed slot of each record.
func (c *collection) number() {
	for i, s := range c.feed {
		c.slots[s.record.Ordinal] = i
	}
}

// put stores a new record or the next version of one. It must be the latest change of the
// collection.
func (c *collection) put(r *record) {
	c.delayed.put(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Ordinal == len(c.records) {
		c.records = append(c.records, r)
		c.slots = append(c.slots, 0)
	} else {
		c.records[r.Ordinal] = r
		c.feed[c.slots[r.Ordinal]].record = nil
		c.stale++
	}
	c.slots[r.Ordinal] = len(c.feed)
	c.feed = append(c.feed, slot{r.position(), r})
	if c.stale > len(c.records)/2+100 {
		c.feed = slices.DeleteFunc(c.feed, func(s slot) bool { return s.record == nil })
		c.stale = 0
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

// find returns a record by its number, nil if it does not exist or was removed.
func (c *collection) find(id int64) *record {
	if r := c.findAny(id); r != nil && !r.Removed {
		return r
	}
	return nil
}

// findAny returns a record by its number, also a removed one.
func (c *collection) findAny(id int64) *record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	i, found := slices.BinarySearchFunc(c.records, id, func(r *record, id int64) int { return cmp.Compare(r.id, id) })
	if !found {
		return nil
	}
	return c.records[i]
}

// all returns all records that were not removed, ordered by ID.
func (c *collection) all() []*record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(c.records), func(r *record) bool { return r.Removed })
}

// after returns a page of the feed: up to limit records after a position that changed no
// later than until, and whether there are more. If show is not nil, it selects the records.
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

// positionAt returns the position after the last change that is no later than until.
func (c *collection) positionAt(until ticks) position {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if i := c.seek(position{until + 1, 0}); i > 0 {
		return c.feed[i-1].position
	}
	return position{}
}

// seek returns the index of the first slot after a position.
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

// list returns a page, whether there are more records, and the number of all matching
// records if the query counts.
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

// matching returns the selected records in order: all of them if they are counted or
// ordered, else enough to know whether there is another page.
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
