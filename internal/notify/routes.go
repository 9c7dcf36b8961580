package notify

import (
	"cmp"
	"slices"
)

// Kinds of notifications that a Route may name. A notification has one or more.
const (
	KindCompleted = "completed"
	KindFailed    = "failed"
	KindCancelled = "cancelled"
	KindRecovered = "recovered" // the first completed run after failures
	KindWarning   = "warning"   // a run with warnings, rejected records or differences
	KindRejected  = "rejected"  // a rejected command
	KindStale     = "stale"     // entities are too old
	KindFresh     = "fresh"     // they are not any more
)

// Route sends the notifications of a tenant and of some kinds to channels.
type Route struct {
	Tenant   string   // * for every tenant; a rejected command has none
	Kinds    []string // * for every kind
	Channels []string
}

// kinds returns the kinds of a notification.
func (n Notification) kinds() []string {
	kinds := []string{string(n.Outcome)}
	if n.Recovered > 0 {
		kinds = append(kinds, KindRecovered)
	}
	for _, r := range n.Run.Results {
		if r.Rejected > 0 || len(r.Warnings) > 0 || r.Differences.Total() > 0 {
			return append(kinds, KindWarning)
		}
	}
	return kinds
}

// matches reports whether the route applies to a notification.
func (r Route) matches(n Notification) bool {
	if r.Tenant != "*" && r.Tenant != string(cmp.Or(n.Run.TenantID, n.Ages.TenantID)) {
		return false
	}
	return slices.ContainsFunc(r.Kinds, func(kind string) bool { return kind == "*" || slices.Contains(n.kinds(), kind) })
}

// route returns the channels of all routes that apply, else those that the event names.
func route(routes []Route, n Notification, named []string) []string {
	var channels []string
	for _, r := range routes {
		if r.matches(n) {
			channels = union(channels, r.Channels)
		}
	}
	if len(channels) == 0 {
		return named
	}
	return channels
}
