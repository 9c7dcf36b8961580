package stream

import (
	"sync"
	"time"
)

// logLimiter limits how often the same line is logged, so that an outage is not logged again
// with every attempt. It is safe for concurrent use.
type logLimiter struct {
	every time.Duration

	mu   sync.Mutex
	last map[string]time.Time
}

func newLogLimiter(every time.Duration) *logLimiter {
	return &logLimiter{every: every, last: map[string]time.Time{}}
}

// allow reports whether a line may be logged now.
func (l *logLimiter) allow(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if last, logged := l.last[line]; logged && now.Sub(last) < l.every {
		return false
	}
	if len(l.last) > 100 { // bounds the memory for lines with a variable part
		clear(l.last)
	}
	l.last[line] = now
	return true
}
