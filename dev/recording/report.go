package recording

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Lines of a window before and after the violation.
const (
	shownBefore = 8
	shownAfter  = 4
)

// entry is a line of a window.
type entry struct {
	at     time.Time
	change int64 // 0 for an event
	event  *Event
	text   string
}

// report writes the windows of the violations.
func (c *check) report() (all []Violation) {
	bySubject := map[string][]entry{}
	for _, f := range c.found {
		bySubject[f.subject] = nil
	}
	if len(bySubject) > 0 {
		c.collect(bySubject)
	}
	for _, f := range c.found {
		all = append(all, Violation{Rule: f.rule, What: f.what, Window: window(bySubject[f.subject], f)})
	}
	return all
}

// collect adds the changes and events of each subject, in the order of time.
func (c *check) collect(bySubject map[string][]entry) {
	for _, change := range c.changes {
		for _, subject := range c.subjects(change.Table, change.Before, change.After) {
			if _, wanted := bySubject[subject]; wanted {
				bySubject[subject] = append(bySubject[subject], entry{at: change.At, change: change.Number, text: change.String()})
			}
		}
	}
	for i := range c.events {
		e := &c.events[i]
		for _, subject := range eventSubjects(e) {
			if _, wanted := bySubject[subject]; wanted {
				bySubject[subject] = append(bySubject[subject], entry{at: e.Stored, event: e, text: e.String()})
			}
		}
	}
	for _, entries := range bySubject {
		slices.SortStableFunc(entries, func(a, b entry) int { return a.at.Compare(b.at) })
	}
}

// subjects returns the subjects of a change, as findings name them, such as "run 7".
func (c *check) subjects(table string, before, after json.RawMessage) (all []string) {
	var row struct {
		TenantID  int64  `json:"tenant_id"`
		Run       *int64 `json:"run_number"`
		Table     string `json:"table_name"`
		RequestID string `json:"request_id"`
		ControlID string `json:"control_id"`
		Workflow  string `json:"workflow_id"`
		AppliedTo string `json:"applied_workflow_id"`
	}
	_ = json.Unmarshal(before, &row)
	_ = json.Unmarshal(after, &row)
	if row.Run != nil {
		all = append(all, runSubject(*row.Run))
	}
	for prefix, id := range map[string]string{"request ": row.RequestID, "control ": row.ControlID} {
		if id != "" {
			all = append(all, prefix+id)
		}
	}
	for _, id := range slices.Compact([]string{row.Workflow, row.AppliedTo}) {
		if id != "" && table != "sync_requests" {
			all = append(all, "workflow "+id)
		}
	}
	switch {
	case table == "sync_state":
		all = append(all, tableSubject(row.TenantID, row.Table))
	case table == "sync_cursors" && row.Run != nil:
		k := cursorKey{*row.Run, row.Table}
		all = append(all, k.subject(), c.tableSubjectOf(k))
	case strings.HasPrefix(table, "st_") && row.Run != nil:
		all = append(all, cursorKey{*row.Run, "raw." + table}.subject())
	}
	return all
}

// eventSubjects returns the subjects of an event, as findings name them.
func eventSubjects(e *Event) (all []string) {
	var data struct {
		RunNumber  *int64 `json:"runNumber"`
		WorkflowID string `json:"workflowId"`
		RequestID  string `json:"requestId"`
	}
	_ = json.Unmarshal(e.Data, &data)
	if data.RunNumber != nil {
		all = append(all, runSubject(*data.RunNumber))
	}
	if data.WorkflowID != "" {
		all = append(all, "workflow "+data.WorkflowID)
	}
	if data.RequestID != "" {
		all = append(all, "request "+data.RequestID, "control "+data.RequestID)
	}
	return all
}

// window lists the entries around a finding.
func window(entries []entry, f finding) string {
	marked := slices.IndexFunc(entries, func(e entry) bool {
		return e.change == f.change && f.change != 0 || f.event != nil && e.event != nil && e.event.isSame(f.event)
	})
	var b strings.Builder
	from, to := max(0, marked-shownBefore), min(len(entries), max(marked, 0)+shownAfter+1)
	if from > 0 {
		fmt.Fprintf(&b, "    … %d earlier\n", from)
	}
	for i, e := range entries[from:to] {
		mark := " "
		if from+i == marked {
			mark = ">"
		}
		fmt.Fprintf(&b, "  %s %s  %s\n", mark, clock(e.at), e.text)
	}
	if to < len(entries) {
		fmt.Fprintf(&b, "    … %d later\n", len(entries)-to)
	}
	return b.String()
}

func (e *Event) isSame(other *Event) bool {
	return e.Subject == other.Subject && e.Sequence == other.Sequence && e.Stored.Equal(other.Stored)
}

// String returns the event as a line of a window.
func (e *Event) String() string {
	return fmt.Sprintf("%-16s  %-24s  %s %s", fmt.Sprintf("message %d", e.Sequence), e.Subject, e.ID, shorten(string(e.Data)))
}

// String returns the change as a line of a window: who made it, in which transaction, and what is
// different.
func (c Change) String() string {
	return fmt.Sprintf("%-16s  %-24s  tx %d  %s %s: %s", fmt.Sprintf("change %d", c.Number), fmt.Sprintf("%s (%d)", c.Process, c.PID), c.Tx, c.Op, c.Table, c.difference())
}

// uninteresting are columns that show nothing about the order of changes.
var uninteresting = []string{"updated_at", "traceparent", "source", "event_id", "channel", "notify"}

// difference lists the columns that the change sets, as "column: before → after".
func (c Change) difference() string {
	var before, after map[string]json.RawMessage
	_ = json.Unmarshal(c.Before, &before)
	_ = json.Unmarshal(c.After, &after)
	shown := after
	if after == nil {
		shown = before
	}
	var parts []string
	for _, column := range slices.Sorted(maps.Keys(shown)) {
		was, is := string(before[column]), string(after[column])
		switch {
		case slices.Contains(uninteresting, column):
		case before == nil && isEmpty(is), after == nil && isEmpty(was):
		case before == nil:
			parts = append(parts, column+": "+shorten(is))
		case after == nil:
			parts = append(parts, column+": "+shorten(was))
		case was != is:
			parts = append(parts, column+": "+shorten(was)+" → "+shorten(is))
		}
	}
	return strings.Join(parts, ", ")
}

func isEmpty(value string) bool {
	return slices.Contains([]string{"", "null", `""`, "0", "-1", "false", "[]"}, value)
}

// shorten cuts a value that is too long for a line.
func shorten(value string) string {
	const longest = 100
	if len(value) <= longest {
		return value
	}
	return strings.ToValidUTF8(value[:longest], "") + "…"
}
