package message

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
)

// results renders the lines about entities: failed ones first, unchanged ones last, because
// the end of a long list is omitted.
func (r Renderer) results(run events.OutcomeData) []string {
	sorted := slices.Clone(run.Results)
	slices.SortStableFunc(sorted, func(a, b events.Result) int {
		return cmp.Or(statusOrder[a.Status]-statusOrder[b.Status], unchangedOrder(a)-unchangedOrder(b))
	})
	shown := map[string]bool{} // error messages that the reader has seen
	if run.Error != nil {
		shown[run.Error.Message] = true
	}
	lines := make([]string, len(sorted))
	for i, result := range sorted {
		lines[i] = r.line(result, shown)
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
				open = append(open, fmt.Sprintf("%s and %s more", ellipsis, display.Count(len(lines)-i, noun)))
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

// unchangedOrder is 1 for an entity without changes, differences and warnings, else 0.
func unchangedOrder(r events.Result) int {
	if r.Inserted+r.Updated+r.Deleted+r.Rejected+r.Differences.Total() == 0 && len(r.Warnings) == 0 {
		return 1
	}
	return 0
}

// line renders the result of one entity. An error message that was shown is not repeated.
func (r Renderer) line(of events.Result, shown map[string]bool) string {
	s := r.bold(r.clip(of.Entity, nameLimit)) + " "
	if of.Status == events.StatusSkipped {
		return s + "skipped: " + r.clip(oneLine(of.SkippedReason), lineLimit)
	}
	if of.Status != events.StatusCompleted {
		s += string(of.Status) + " after "
	}
	s += counts(of) + r.differences(of.Differences)
	switch e := of.Error; {
	case e == nil:
	case shown[e.Message]:
		s += ": " + string(e.Type) + ", as above"
	default:
		shown[e.Message] = true
		s += ": " + r.describe(e, lineLimit)
	}
	if len(of.Warnings) > 0 {
		s += "; warning: " + r.clip(oneLine(strings.Join(of.Warnings, "; ")), lineLimit)
	}
	return s
}

// differences renders what a verify found in an entity, and how to repair it.
func (r Renderer) differences(d *events.Differences) string {
	if d == nil {
		return ""
	}
	var parts []string
	for _, k := range d.Kinds() {
		parts = append(parts, display.Thousands(k.Rows)+" "+k.Name)
	}
	if len(parts) == 0 {
		return ", no differences"
	}
	const shown = 3
	ids := oneLine(strings.Join(d.Sample[:min(shown, len(d.Sample))], ", "))
	if d.Total() > shown {
		ids += ", " + ellipsis
	}
	return ", " + strings.Join(parts, ", ") + " (" + r.clip(ids, lineLimit) + "); a rebuild repairs them"
}

// remarks returns what a headline says about differences, rejected records and warnings.
func remarks(results []events.Result) string {
	var rejected, warnings, differences int64
	compared := false
	for _, result := range results {
		rejected += result.Rejected
		warnings += int64(len(result.Warnings))
		differences += result.Differences.Total()
		compared = compared || result.Differences != nil
	}
	s := ""
	switch {
	case differences > 0:
		s += "; " + display.Count(differences, "difference")
	case compared:
		s += "; no differences"
	}
	if rejected > 0 {
		s += "; " + display.Count(rejected, "record") + " rejected"
	}
	if warnings > 0 {
		s += "; " + display.Count(warnings, "warning")
	}
	return s
}

// counts lists the counters that are not zero.
func counts(r events.Result) string {
	parts := []string{display.Thousands(r.Fetched) + " read"}
	for _, c := range []struct {
		n    int64
		what string
	}{
		{r.Inserted, "inserted"}, {r.Updated, "updated"}, {r.Deleted, "deleted"},
		{r.Unchanged, "unchanged"}, {r.Rejected, "rejected"},
	} {
		if c.n != 0 {
			parts = append(parts, display.Thousands(c.n)+" "+c.what)
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
