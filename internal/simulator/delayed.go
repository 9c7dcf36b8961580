package simulator

import (
	"slices"
	"sync"
	"time"
)

// delayedView is a collection as a delayed API returns it: each version of a record becomes
// visible after a lag.
type delayedView struct {
	lag     time.Duration
	mu      sync.Mutex
	shown   *collection
	pending []*record // not visible yet, in the order of change
}

// newCollection returns the collection of an entity, with a delayed view if lag is above 0.
func newCollection(k *kind, lag time.Duration) *collection {
	c := &collection{kind: k}
	if lag > 0 {
		c.delayed = &delayedView{lag: lag, shown: &collection{kind: k}}
	}
	return c
}

// fill stores the initial records, which are visible immediately.
func (l *delayedView) fill(records []*record) {
	if l != nil {
		l.shown.fill(slices.Clone(records))
	}
}

func (l *delayedView) put(r *record) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, r)
}

// at returns the collection as it is visible at a time.
func (l *delayedView) at(now time.Time) *collection {
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

// visible returns the collection of an entity as the API returns it now.
func (s *Simulator) visible(entity string) *collection {
	c := s.loaded(entity)
	if c.delayed == nil {
		return c
	}
	return c.delayed.at(s.now())
}
