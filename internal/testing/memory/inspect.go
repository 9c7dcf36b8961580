package memory

import "github.com/lazi/lazisync/internal/ledger"

// Requests returns all requests in the order in which they were received.
func (d *Database) Requests() []ledger.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requestsWhere(func(ledger.Request) bool { return true })
}

// Controls returns all controls in the order of their events.
func (d *Database) Controls() []ledger.Control {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.controlsWhere(func(control) bool { return true })
}

// Runs returns all runs with their requests, by number.
func (d *Database) Runs() (all []ledger.Run) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.runsWhere(func(run) bool { return true }) {
		all = append(all, d.load(r.Number))
	}
	return all
}
