package notify

import (
	"slices"
	"time"
)

// folds are the failures people were told of a while ago, by likeness. What fails again
// in the same way is not told until the window is over, and then once, with its count.
//
// The one who remembers to tell it is JetStream: the first repetition is given back until
// the window is over, the others are counted and done. If the process ends, the counts
// are lost and that one event is told as the failure it is; nothing is ever silent.
type folds map[string]*fold

type fold struct {
	told    time.Time       // when people heard of it
	since   map[string]bool // the events that told the same since, by id
	carrier string          // that of them which comes back when the window is over
	latest  Notification
}

// fold keeps a letter that was told already, and reports whether it did. A letter that is
// to be told now takes along what was counted.
func (n *Notifier) fold(l *letter, now time.Time) bool {
	f := n.folds[l.likeness()]
	if f == nil {
		return false
	}
	for _, id := range l.ids {
		if !f.since[id] {
			f.since[id], f.latest = true, l.Notification
		}
	}
	if left := f.told.Add(n.Window).Sub(now); left > 0 {
		n.carry(f, l, left)
		return true
	}
	l.Notification, l.Times, l.Since = f.latest, len(f.since), f.told
	if f.carrier != "" && !slices.Contains(l.ids, f.carrier) {
		l.ids = append(l.ids, f.carrier) // it is told with this letter
	}
	return false
}

// carry has one event come back in time, and is done with the others.
func (n *Notifier) carry(f *fold, l *letter, left time.Duration) {
	for i, id := range l.ids {
		if f.carrier == "" {
			f.carrier = id
			n.Observed(Folded)
		}
		if id == f.carrier {
			l.from[i].later(left)
			continue
		}
		n.told.add(id, l.To)
		n.Observed(Folded)
	}
}

// told opens a window for what may happen again.
func (f folds) told(n Notification, now time.Time) {
	if key := n.likeness(); key != "" {
		f[key] = &fold{told: now, since: map[string]bool{}}
	}
}

// prune forgets what did not happen again, and what another process must have told.
func (f folds) prune(now time.Time, window time.Duration) {
	for key, one := range f {
		over := now.Sub(one.told) - window
		if over >= 0 && len(one.since) == 0 || over > 24*time.Hour {
			delete(f, key)
		}
	}
}
