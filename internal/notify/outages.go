package notify

import (
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
)

// outages holds, by tenant and mode, the failures since the last completed run, so that the
// next completed run is notified as a recovery, once, also if it asks for no notification.
// It is lost with the process: a recovery after a restart of the notifier is not notified.
// It is not safe for concurrent use.
type outages map[outageKey]*outage

type outageKey struct {
	tenant string
	mode   events.Mode
}

type outage struct {
	failures    int
	since, last time.Time // of the first and the latest failure
	channels    []string  // those that were notified of the failures
	recoveredBy string    // ID of the event that ended the outage
}

// observe records the end of a run, which is notified to the channels, and returns the
// channels to notify. On a recovery it sets n.Recovered and n.FailingSince and adds the
// channels of the failures. A redelivered event leads to the same result.
func (o outages) observe(n *Notification, channels []string) []string {
	key := outageKey{n.Run.TenantID, n.Run.Mode}
	known := o[key]
	switch n.Outcome {
	case Failed:
		if len(channels) == 0 || known != nil && !n.At.After(known.last) {
			return channels // not notified, or redelivered
		}
		if known == nil || known.recoveredBy != "" {
			known = &outage{since: n.At}
			o[key] = known
		}
		known.failures, known.last = known.failures+1, n.At
		known.channels = union(known.channels, channels)
	case Completed:
		if known == nil || !n.At.After(known.last) || known.recoveredBy != "" && known.recoveredBy != n.EventID {
			return channels
		}
		known.recoveredBy = n.EventID
		n.Recovered, n.FailingSince = known.failures, known.since
		return union(channels, known.channels)
	}
	return channels
}

// union returns the names of both lists, each once.
func union(a, b []string) []string {
	var all []string
	for _, name := range slices.Concat(a, b) {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// endGroups ends the grouping of the failures that a completed run recovers from. Their
// repetitions are part of the recovery's count, and another failure is notified at once.
func (n *Notifier) endGroups(recovery Notification) {
	for key, g := range n.groups {
		failed := g.first
		if failed.Outcome != Failed || failed.Run.TenantID != recovery.Run.TenantID || failed.Run.Mode != recovery.Run.Mode {
			continue
		}
		if g.reminder != "" {
			n.delivered.add(g.reminder, failed.To)
		}
		delete(n.groups, key)
	}
}
