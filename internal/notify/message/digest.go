package message

import (
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/notify"
)

// severity orders the lines of a digest.
var severity = map[notify.Outcome]int{notify.Failed: 0, notify.Rejected: 1, notify.Stale: 2, notify.Cancelled: 3, notify.Fresh: 4, notify.Completed: 5}

// digest renders several notifications for one channel, the most severe first.
func (r Renderer) digest(list []notify.Notification) Message {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b notify.Notification) int { return severity[a.Outcome] - severity[b.Outcome] })
	var lines []string
	for _, n := range sorted {
		lines = append(lines, r.digestLine(n))
	}
	return Message{
		Title: tally(sorted) + ", " + period(list), Sections: pack(lines, "message"), Outcome: sorted[0].Outcome,
		Footer: "Sent as a digest because there are many notifications or some are late. List runs with lazisync status, rejected commands with lazisync deadletter ls.",
	}
}

func (r Renderer) digestLine(n notify.Notification) string {
	s := n.At.UTC().Format("01-02 15:04") + "   " + r.headline(n)
	if shown := r.link(n); shown != "" {
		s += "   run " + shown
	}
	return s
}

// tally counts the outcomes of a sorted list: "3 failed, 10 completed".
func tally(sorted []notify.Notification) string {
	var parts []string
	for len(sorted) > 0 {
		outcome, times, n := sorted[0].Outcome, 0, 0
		for n < len(sorted) && sorted[n].Outcome == outcome {
			times += max(1, sorted[n].Times)
			n++
		}
		parts = append(parts, display.Thousands(int64(times))+" "+string(outcome))
		sorted = sorted[n:]
	}
	return strings.Join(parts, ", ")
}

// period returns the times of the first and of the last notification.
func period(list []notify.Notification) string {
	first, last := list[0].At, list[0].At
	for _, n := range list {
		if n.At.Before(first) {
			first = n.At
		}
		if n.At.After(last) {
			last = n.At
		}
	}
	return "from " + clock(first) + " to " + clock(last)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
