package stream

import (
	"sync"
	"time"
)

// quiet lets the same line into the log once in a while, so that an outage is
// told and not repeated with every attempt.
type quiet struct {
	every time.Duration

	mu   sync.Mutex
	last map[string]time.Time
}

func newQuiet(every time.Duration) *quiet {
	return &quiet{every: every, last: map[string]time.Time{}}
}

func (q *quiet) allow(line string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if last, said := q.last[line]; said && now.Sub(last) < q.every {
		return false
	}
	if len(q.last) > 100 { // lines that hold a changing part must not pile up
		clear(q.last)
	}
	q.last[line] = now
	return true
}
