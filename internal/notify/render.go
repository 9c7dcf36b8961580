package notify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

const (
	// Slack refuses a section of more than 3,000 characters, and in practice a
	// message of more than about 13,000.
	sectionLimit = 2900
	maxSections  = 4
	reserve      = 100  // for the line that says how many more there are
	errorLimit   = 1200 // of the run's error
	lineLimit    = 300  // of the text in an entity's line
	nameLimit    = 200
	late         = time.Hour
)

var modes = map[events.Mode]string{
	events.Full: "Full sync", events.Incremental: "Incremental sync", events.Rebuild: "Rebuild",
}

var colors = map[Outcome]string{Completed: "#2eb67d", Failed: "#e01e5a", Cancelled: "#ecb22e"}

// render makes the message people read.
func render(n Notification) message {
	blocks := []block{section(facts(n))}
	blocks = append(blocks, results(n.Data.Results)...)
	if e := n.Data.Error; e != nil {
		blocks = append(blocks, section("*Error* "+describe(e, errorLimit)))
	}
	if n.Data.Reason != "" {
		blocks = append(blocks, section("*Reason* "+clip(oneLine(n.Data.Reason), errorLimit)))
	}
	blocks = append(blocks, footer(origin(n)))
	return message{
		Channel: n.To, Text: title(n), Parse: "none",
		Attachments: []attachment{{Color: colors[n.Outcome], Blocks: blocks}},
	}
}

// title is what shows in a list of notifications: the outcome in a few words.
func title(n Notification) string {
	var fetched int64
	for _, r := range n.Data.Results {
		fetched += r.Fetched
	}
	s := fmt.Sprintf("%s %s: %s in %s", modes[n.Data.Mode], n.Outcome, count(fetched, "record"), duration(n.Data.FinishedAt.Sub(n.Data.StartedAt)))
	if n.Age > late {
		s += fmt.Sprintf(" (ended %s ago)", duration(n.Age))
	}
	return s
}

func facts(n Notification) string {
	return fmt.Sprintf("*Tenant* %s   *Mode* %s   *Took* %s   *Ended* %s",
		clip(n.Data.TenantID, nameLimit), n.Data.Mode,
		duration(n.Data.FinishedAt.Sub(n.Data.StartedAt)),
		n.Data.FinishedAt.UTC().Format("2006-01-02 15:04:05 UTC"))
}

func origin(n Notification) string {
	s := "workflow " + clip(n.Data.WorkflowID, nameLimit)
	if n.Data.RunNumber > 0 {
		s += "   run " + strconv.FormatInt(n.Data.RunNumber, 10)
	}
	return s + "   event " + clip(n.EventID, nameLimit)
}

// results are the lines about entities, those with trouble first so that the
// end of a long list is what is left out.
func results(list []events.Result) []block {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b events.Result) int { return urgency[a.Status] - urgency[b.Status] })
	var blocks []block
	var lines []string
	size := 0
	for i, r := range sorted {
		next := line(r)
		if size+len(next) > sectionLimit-reserve {
			if len(blocks) == maxSections-1 {
				lines = append(lines, fmt.Sprintf("%s and %s more", ellipsis, count(int64(len(sorted)-i), "entity")))
				break
			}
			blocks = append(blocks, section(strings.Join(lines, "\n")))
			lines, size = nil, 0
		}
		lines = append(lines, next)
		size += len(next) + 1
	}
	if len(lines) > 0 {
		blocks = append(blocks, section(strings.Join(lines, "\n")))
	}
	return blocks
}

var urgency = map[events.Status]int{
	events.StatusFailed: 0, events.StatusCancelled: 1, events.StatusSkipped: 2, events.StatusCompleted: 3,
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
