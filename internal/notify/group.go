package notify

import (
	"slices"
	"time"
)

// groups holds the failures that were sent within the last window, by dedup key. A failure
// that repeats within the window is not sent until the window ends, and then once with its
// count.
//
// JetStream is the timer: the first repetition is redelivered at the end of the window, the
// reminder; further ones are counted and acknowledged. If the process ends, the counts are
// lost and the reminder is sent as a single failure, so that no failure goes unreported.
type groups map[string]*group

type group struct {
	sentAt   time.Time       // start of the window
	repeats  map[string]bool // IDs of the events that repeated the failure since then
	reminder string          // the one of them that is redelivered at the end of the window
	latest   Notification
	first    Notification // the one that was sent
}

// hold adds a message to the group of its failure and reports whether it waits for the end
// of the window. A message that is sent now takes over the count of its group.
func (n *Notifier) hold(m *message, now time.Time) bool {
	g := n.groups[n.dedupKey(m.Notification)]
	if g == nil {
		return false
	}
	for _, id := range m.ids {
		if !g.repeats[id] {
			g.repeats[id], g.latest = true, m.Notification
		}
	}
	if left := g.sentAt.Add(n.Window).Sub(now); left > 0 {
		n.schedule(g, m, left)
		return true
	}
	m.Notification, m.Times, m.Since = g.latest, len(g.repeats), g.sentAt
	if g.reminder != "" && !slices.Contains(m.ids, g.reminder) {
		m.ids = append(m.ids, g.reminder) // this message covers it
	}
	return false
}

// schedule has one event of the group redelivered after the delay left, and marks the
// other events of the message as delivered.
func (n *Notifier) schedule(g *group, m *message, left time.Duration) {
	for i, id := range m.ids {
		if g.reminder == "" {
			g.reminder = id
			n.OnResult(m.To, Grouped)
		}
		if id == g.reminder {
			m.sources[i].retryAfter(left)
			continue
		}
		n.delivered.add(id, m.To)
		n.OnResult(m.To, Grouped)
	}
}

// open starts a window for repetitions of a notification that was just sent. The key is empty if
// it is not grouped.
func (g groups) open(key string, n Notification, now time.Time) {
	if key != "" {
		g[key] = &group{sentAt: now, repeats: map[string]bool{}, first: n}
	}
}

// prune removes groups whose window ended without a repetition, and those whose reminder
// must have been redelivered to another process.
func (g groups) prune(now time.Time, window time.Duration) {
	for key, one := range g {
		over := now.Sub(one.sentAt) - window
		if over >= 0 && len(one.repeats) == 0 || over > 24*time.Hour {
			delete(g, key)
		}
	}
}
