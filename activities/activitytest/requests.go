package activitytest

import (
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// Request records an accepted request.
func (l *Ledger) Request(mode events.Mode, entities ...string) ledger.Request {
	return l.RequestFrom("/test", mode, entities...)
}

// RequestFrom records an accepted request of a source.
func (l *Ledger) RequestFrom(source string, mode events.Mode, entities ...string) ledger.Request {
	return l.add(ledger.Request{Source: source, Mode: mode, Entities: entities})
}

// add records an accepted request.
func (l *Ledger) add(r ledger.Request) ledger.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.EventID = fmt.Sprintf("%d", len(l.requests)+1)
	r.ID, r.TenantID = events.RequestID(r.Source, r.EventID), Tenant
	r.Channel, r.State, r.ReceivedAt = "#sync", ledger.Accepted, time.Now()
	l.requests = append(l.requests, &r)
	return r
}

// RefreshIDs records an accepted request for records of an entity.
func (l *Ledger) RefreshIDs(name string, ids ...string) ledger.Request {
	return l.add(ledger.Request{Source: "/test", Mode: events.Incremental, Entities: []string{name}, IDs: ids})
}

// RefreshSince records an accepted request for what changed in an entity.
func (l *Ledger) RefreshSince(name string, since time.Time) ledger.Request {
	return l.add(ledger.Request{Source: "/test", Mode: events.Incremental, Entities: []string{name}, Since: &since})
}
