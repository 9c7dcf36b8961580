package notify

import (
	"slices"
	"strings"
	"time"
)

// gravity puts what needs a person first.
var gravity = map[Outcome]int{Failed: 0, Rejected: 1, Cancelled: 2, Completed: 3}

// digest is about much that happened, the worst first.
func (r renderer) digest(list []Notification) message {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Notification) int { return gravity[a.Outcome] - gravity[b.Outcome] })
	var lines []string
	for _, n := range sorted {
		lines = append(lines, r.digestLine(n))
	}
	blocks := append(pack(lines, "message"),
		footer("Told together because they are late, or many. lazisync status lists runs, lazisync deadletter ls rejected commands."))
	return message{
		Channel: list[0].To, Text: tally(sorted) + ", " + period(list), Parse: "none",
		Attachments: []attachment{{Color: colors[sorted[0].Outcome], Blocks: blocks}},
	}
}

func (r renderer) digestLine(n Notification) string {
	s := n.At.UTC().Format("01-02 15:04") + "   " + headline(n)
	if shown := r.link(n); shown != "" {
		s += "   run " + shown
	}
	return s
}

// tally counts what happened, for a list that is sorted: 3 failed, 10 completed.
func tally(sorted []Notification) string {
	var parts []string
	for len(sorted) > 0 {
		outcome, times, n := sorted[0].Outcome, 0, 0
		for n < len(sorted) && sorted[n].Outcome == outcome {
			times += max(1, sorted[n].Times)
			n++
		}
		parts = append(parts, thousands(int64(times))+" "+string(outcome))
		sorted = sorted[n:]
	}
	return strings.Join(parts, ", ")
}

// period is when it happened, from the first to the last.
func period(list []Notification) string {
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
