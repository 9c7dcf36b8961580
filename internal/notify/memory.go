package notify

import "sync"

// remembered bounds the memory; a redelivery comes long before so many others.
const remembered = 1000

// memory knows whom the last events were told, so that a redelivery, asked for
// because one channel failed, does not tell the others twice. It is lost with the
// process: notifications are sent at least once.
type memory struct {
	mu    sync.Mutex
	known map[told]bool
	order []told
}

type told struct{ eventID, to string }

func (m *memory) has(n Notification) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[told{n.EventID, n.To}]
}

func (m *memory) add(n Notification) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[told]bool{}
	}
	key := told{n.EventID, n.To}
	m.known[key] = true
	m.order = append(m.order, key)
	if len(m.order) > remembered {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
}
