package simulator

import (
	"sync"
	"time"
)

// callLimit limits the calls within any second.
type callLimit struct {
	perSecond int // negative is no limit
	mu        sync.Mutex
	recent    []time.Time // the last calls that were allowed, as a ring
	oldest    int
}

func (l *callLimit) allow(now time.Time) bool {
	if l.perSecond < 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.recent) < l.perSecond {
		l.recent = append(l.recent, now)
		return true
	}
	if now.Sub(l.recent[l.oldest]) < time.Second {
		return false
	}
	l.recent[l.oldest] = now
	l.oldest = (l.oldest + 1) % l.perSecond
	return true
}
