package slack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
)

// results renders the lines about entities: failed ones first, unchanged ones last, because
// the end of a long list is omitted.
func results(list []events.Result) []block {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b events.Result) int {
		return cmp.Or(statusOrder[a.Status]-statusOrder[b.Status], unchangedOrder(a)-unchangedOrder(b))
	})
	lines := make([]string, len(sorted))
	for i, r := range sorted {
		lines[i] = line(r)
	}
	return pack(lines, "entity")
}

// pack puts lines into sections within Slack's limits and counts the lines that do not fit.
func pack(lines []string, noun string) []block {
	var blocks []block
	var open []string
	size := 0
	for i, line := range lines {
		if size+len(line) > sectionLimit-reserve {
			if len(blocks) == maxSections-1 {
				open = append(open, fmt.Sprintf("%s and %s more", ellipsis, count(int64(len(lines)-i), noun)))
				break
			}
			blocks = append(blocks, section(strings.Join(open, "\n")))
			open, size = nil, 0
		}
		open = append(open, line)
		size += len(line) + 1
	}
	if len(open) > 0 {
		blocks = append(blocks, section(strings.Join(open, "\n")))
	}
	return blocks
}

var statusOrder = map[events.Status]int{
	events.StatusFailed: 0, events.StatusCancelled: 1, events.StatusSkipped: 2, events.StatusCompleted: 3,
}

// unchangedOrder is 1 for an entity without changes and warnings, else 0.
func unchangedOrder(r events.Result) int {
	if r.Inserted+r.Updated+r.Deleted+r.Rejected == 0 && len(r.Warnings) == 0 {
		return 1
	}
	return 0
}

// line renders the result of one entity.
func line(r events.Result) string {
	s := "*" + clip(r.Entity, nameLimit) + "* "
	if r.Status == events.StatusSkipped {
		return s + "skipped: " + clip(oneLine(r.SkippedReason), lineLimit)
	}
	if r.Status != events.StatusCompleted {
		s += string(r.Status) + " after "
	}
	s += counts(r)
	if r.Error != nil {
		s += ": " + describe(r.Error, lineLimit)
	}
	if len(r.Warnings) > 0 {
		s += "; warning: " + clip(oneLine(strings.Join(r.Warnings, "; ")), lineLimit)
	}
	return s
}

// counts lists the counters that are not zero.
func counts(r events.Result) string {
	parts := []string{thousands(r.Fetched) + " read"}
	for _, c := range []struct {
		n    int64
		what string
	}{
		{r.Inserted, "inserted"}, {r.Updated, "updated"}, {r.Deleted, "deleted"},
		{r.Unchanged, "unchanged"}, {r.Rejected, "rejected"},
	} {
		if c.n != 0 {
			parts = append(parts, thousands(c.n)+" "+c.what)
		}
	}
	return strings.Join(parts, ", ")
}

func describe(e *events.RunError, limit int) string {
	s := string(e.Type)
	if e.Entity != "" {
		s += " in " + clip(e.Entity, nameLimit)
	}
	return s + ": " + clip(oneLine(e.Message), limit)
}
