package notify

// maxDelivered bounds the memory. A redelivery arrives long before so many other events.
const maxDelivered = 5000

// delivered remembers which channels received the latest events, so that the redelivery of
// an event for one channel that failed does not notify the others twice. It is lost with
// the process: notifications are sent at least once. It is not safe for concurrent use.
type delivered struct {
	known map[receipt]bool
	order []receipt
}

// receipt is one event in one channel.
type receipt struct{ eventID, to string }

func (d *delivered) has(eventID, to string) bool { return d.known[receipt{eventID, to}] }

func (d *delivered) add(eventID, to string) {
	if d.known == nil {
		d.known = map[receipt]bool{}
	}
	key := receipt{eventID, to}
	if d.known[key] {
		return
	}
	d.known[key] = true
	d.order = append(d.order, key)
	if len(d.order) > maxDelivered {
		delete(d.known, d.order[0])
		d.order = d.order[1:]
	}
}
