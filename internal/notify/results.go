package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
)

// results are the lines about entities, those with trouble first and those that did not
// change last: the end of a long list is what is left out.
func results(list []events.Result) []block {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b events.Result) int {
		return cmp.Or(urgency[a.Status]-urgency[b.Status], quiet(a)-quiet(b))
	})
	lines := make([]string, len(sorted))
	for i, r := range sorted {
		lines[i] = line(r)
	}
	return pack(lines, "entity")
}

// pack puts lines into sections that Slack takes, and says how many do not fit.
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

var urgency = map[events.Status]int{
	events.StatusFailed: 0, events.StatusCancelled: 1, events.StatusSkipped: 2, events.StatusCompleted: 3,
}

// quiet is 1 for an entity of which nothing changed, and nothing is to be said.
func quiet(r events.Result) int {
	if r.Inserted+r.Updated+r.Deleted+r.Rejected == 0 && len(r.Warnings) == 0 {
		return 1
	}
	return 0
}

// line says what happened to one entity.
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

// counts names what happened and leaves out what did not.
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
