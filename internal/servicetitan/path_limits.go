package servicetitan

import "sync"

// pathLimits distinguishes a rate limit of one path from the tenant's, so that the former does not
// slow down the tenant's other calls: a path that responds with 429 again, although another
// path responded in between, has a rate limit of its own. The zero value is ready to use. It
// is safe for concurrent use.
type pathLimits struct {
	mu sync.Mutex
	// otherAnswered has the paths whose latest response was 429, and whether another path
	// responded since.
	otherAnswered map[string]bool
}

// succeeded records that the API responded on a path.
func (l *pathLimits) succeeded(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.otherAnswered, path)
	for other := range l.otherAnswered {
		l.otherAnswered[other] = true
	}
}

// limited records a response with 429 and reports whether the rate limit is that of the
// path alone.
func (l *pathLimits) limited(path string) (isPathLimit bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.otherAnswered == nil {
		l.otherAnswered = map[string]bool{}
	}
	isPathLimit = l.otherAnswered[path]
	l.otherAnswered[path] = isPathLimit
	return isPathLimit
}
