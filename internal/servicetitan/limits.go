package servicetitan

import "sync"

// limits tells a limit of the tenant from that of one path, which must not slow down the
// tenant's other calls: a path that is refused again, although another path was answered
// in between, has a limit of its own. The zero value is ready to use. It is safe for
// concurrent use.
type limits struct {
	mu   sync.Mutex
	lone map[string]bool // paths whose last answer was a refusal: whether another was answered since
}

// answered notes that the API answered on a path.
func (l *limits) answered(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lone, path)
	for other := range l.lone {
		l.lone[other] = true
	}
}

// refused notes that the API refused a call as one too many, and says whether the limit
// is that of the path alone.
func (l *limits) refused(path string) (alone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lone == nil {
		l.lone = map[string]bool{}
	}
	alone = l.lone[path]
	l.lone[path] = alone
	return alone
}
