package message

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
)

// results renders the lines about entities: failed ones first, unchanged ones last, because
// the end of a long list is omitted.
func (r Renderer) results(list []events.Result) []string {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b events.Result) int {
		return cmp.Or(statusOrder[a.Status]-statusOrder[b.Status], unchangedOrder(a)-unchangedOrder(b))
	})
	lines := make([]string, len(sorted))
	for i, result := range sorted {
		lines[i] = r.line(result)
	}
	return pack(lines, "entity")
}

// pack puts lines into sections within the limits and counts the lines that do not fit.
func pack(lines []string, noun string) []string {
	var sections []string
	var open []string
	size := 0
	for i, line := range lines {
		if size+len(line) > sectionLimit-reserve {
			if len(sections) == maxSections-1 {
				open = append(open, fmt.Sprintf("%s and %s more", ellipsis, count(int64(len(lines)-i), noun)))
				break
			}
			sections = append(sections, strings.Join(open, "\n"))
			open, size = nil, 0
		}
		open = append(open, line)
		size += len(line) + 1
	}
	if len(open) > 0 {
		sections = append(sections, strings.Join(open, "\n"))
	}
	return sections
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
func (r Renderer) line(of events.Result) string {
	s := r.bold(r.clip(of.Entity, nameLimit)) + " "
	if of.Status == events.StatusSkipped {
		return s + "skipped: " + r.clip(oneLine(of.SkippedReason), lineLimit)
	}
	if of.Status != events.StatusCompleted {
		s += string(of.Status) + " after "
	}
	s += counts(of)
	if of.Error != nil {
		s += ": " + r.describe(of.Error, lineLimit)
	}
	if len(of.Warnings) > 0 {
		s += "; warning: " + r.clip(oneLine(strings.Join(of.Warnings, "; ")), lineLimit)
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

func (r Renderer) describe(e *events.RunError, limit int) string {
	s := string(e.Type)
	if e.Entity != "" {
		s += " in " + r.clip(e.Entity, nameLimit)
	}
	return s + ": " + r.clip(oneLine(e.Message), limit)
}
