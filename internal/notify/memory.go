package notify

// remembered bounds the memory; a redelivery comes long before so many others.
const remembered = 5000

// memory knows whom the last events were told, so that a redelivery, asked for
// because one channel failed, does not tell the others twice. It is lost with the
// process: notifications are sent at least once. Like the rest of a Notifier it is
// used by one batch at a time.
type memory struct {
	known map[told]bool
	order []told
}

type told struct{ eventID, to string }

func (m *memory) has(eventID, to string) bool { return m.known[told{eventID, to}] }

func (m *memory) add(eventID, to string) {
	if m.known == nil {
		m.known = map[told]bool{}
	}
	key := told{eventID, to}
	if m.known[key] {
		return
	}
	m.known[key] = true
	m.order = append(m.order, key)
	if len(m.order) > remembered {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
}
