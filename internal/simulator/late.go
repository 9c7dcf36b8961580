package simulator

import (
	"slices"
	"sync"
	"time"
)

// late is a collection as the API shows it some time after things happened: each
// version of a record replaces the one before it once it is old enough.
type late struct {
	lag     time.Duration
	mu      sync.Mutex
	shown   *collection
	pending []*record // not shown yet, in the order of change
}

// newCollection makes the collection of an entity, shown late by a lag.
func newCollection(k *kind, lag time.Duration) *collection {
	c := &collection{kind: k}
	if lag > 0 {
		c.late = &late{lag: lag, shown: &collection{kind: k}}
	}
	return c
}

// fill takes the first records, which are shown at once.
func (l *late) fill(records []*record) {
	if l != nil {
		l.shown.fill(slices.Clone(records))
	}
}

func (l *late) put(r *record) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, r)
}

// at is the collection as it is shown at a time.
func (l *late) at(now time.Time) *collection {
	until := ticksOf(now.Add(-l.lag))
	l.mu.Lock()
	defer l.mu.Unlock()
	due := 0
	for ; due < len(l.pending) && l.pending[due].Modified <= until; due++ {
		l.shown.put(l.pending[due])
	}
	l.pending = slices.Delete(l.pending, 0, due)
	return l.shown
}

// shown is the collection of an entity as the API shows it now.
func (s *Simulator) shown(entity string) *collection {
	c := s.stocked(entity)
	if c.late == nil {
		return c
	}
	return c.late.at(s.now())
}
