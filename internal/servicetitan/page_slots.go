package servicetitan

import (
	"context"
	"sync"
)

// pageSlots bounds the pages in memory. While calls wait for ServiceTitan they need no slot, so that
// many can wait at once. Nil does not bound.
type pageSlots chan struct{}

// pageSlot is the slot of one page. It is free until the first response of the page arrives.
type pageSlot struct {
	slots pageSlots
	once  sync.Once
	taken bool
}

// slot returns the slot for a page that is going to be read.
func (s pageSlots) slot() *pageSlot {
	if s == nil {
		return nil
	}
	return &pageSlot{slots: s}
}

// acquire waits until the page may be read. A page whose request is repeated keeps its slot.
func (s *pageSlot) acquire(ctx context.Context) error {
	if s == nil || s.taken {
		return nil
	}
	select {
	case s.slots <- struct{}{}:
		s.taken = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release frees the slot, once.
func (s *pageSlot) release() {
	if s != nil && s.taken {
		s.once.Do(func() { <-s.slots })
	}
}
