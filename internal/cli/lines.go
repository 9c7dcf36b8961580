package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
)

// linesView prints a line for each event: for logs and pipes.
type linesView struct {
	out  io.Writer
	last map[string]time.Time // when progress was printed last, by entity
}

func newLinesView(out io.Writer) *linesView {
	return &linesView{out: out, last: map[string]time.Time{}}
}

func (v *linesView) accepted(d events.AcceptedData) {
	if d.Outcome != nil {
		fmt.Fprintf(v.out, "duplicate  %s already has an outcome: %s\n", d.WorkflowID, describeOutcome(*d.Outcome))
		return
	}
	note := ""
	if d.Duplicate {
		note = " (duplicate)"
	}
	fmt.Fprintf(v.out, "accepted   %s%s\n", d.WorkflowID, note)
}

// describeOutcome returns the run of an outcome and the entities that it skipped.
func describeOutcome(o events.OutcomeRef) string {
	if o.RunNumber == 0 {
		return "cancelled before a run started"
	}
	text := fmt.Sprintf("run %d", o.RunNumber)
	if len(o.Skipped) > 0 {
		text += ", which skipped " + strings.Join(o.Skipped, ", ")
	}
	return text
}

func (v *linesView) started(d events.StartedData) {
	fmt.Fprintf(v.out, "started    run %d: %s\n", d.RunNumber, strings.Join(d.Entities, ", "))
}

// progress prints the progress of an entity, at most every two seconds. An entity that ends
// without records is printed with the outcome, which knows whether it failed.
func (v *linesView) progress(d events.ProgressData) {
	done := d.Phase == events.PhaseDone
	if done && d.Records == 0 || !done && time.Since(v.last[d.Entity]) < 2*time.Second {
		return
	}
	v.last[d.Entity] = time.Now()
	fmt.Fprintf(v.out, "%-10s %-12s %s%s\n", d.Phase, d.Entity, amount(d), waitNote(d.Waiting))
}

func (v *linesView) controlled(kind string, d events.ControlledData) {
	fmt.Fprintf(v.out, "%-10s %s\n", kind, because(d.Reason, d.Actor))
}

func (v *linesView) alreadyPaused(d events.ControlledData) {
	fmt.Fprintf(v.out, "waiting    %s is paused %s\n", d.WorkflowID, because(d.Reason, d.Actor))
}

func (v *linesView) outcome(kind string, d events.OutcomeData) { printOutcome(v.out, kind, d) }
func (v *linesView) rejected(d events.RejectedData)            { printRejected(v.out, d) }
func (v *linesView) unanswered() {
	fmt.Fprintln(v.out, "no answer  the request is stored, but no bridge has answered it yet; run lazisync doctor")
}
func (v *linesView) close() {}

func printOutcome(out io.Writer, kind string, d events.OutcomeData) {
	seconds := d.FinishedAt.Sub(d.StartedAt).Seconds()
	var fetched int64
	for _, r := range d.Results {
		fetched += r.Fetched
	}
	note := ""
	if seconds > 0 && fetched > 0 {
		note = fmt.Sprintf(", %s records a second", display.Thousands(int64(float64(fetched)/seconds)))
	}
	if n := len(skippedEntities(d)); n > 0 {
		note += fmt.Sprintf(", %d of %d entities skipped", n, len(d.Results))
	}
	fmt.Fprintf(out, "%-10s run %d in %.1f s%s\n", kind, d.RunNumber, seconds, note)
	for _, r := range d.Results {
		printResult(out, r)
	}
	if d.Error != nil {
		fmt.Fprintf(out, "  %s: %s\n", d.Error.Type, d.Error.Message)
	}
	if d.Reason != "" {
		fmt.Fprintf(out, "  reason: %s\n", d.Reason)
	}
}

// printResult prints the result of one entity, with the reason first if it did not complete.
func printResult(out io.Writer, r events.Result) {
	fmt.Fprintf(out, "  %-12s %-10s ", r.Entity, r.Status)
	if r.Error != nil {
		fmt.Fprintf(out, "%s: %s; ", r.Error.Type, r.Error.Message)
	}
	if r.Status == events.StatusSkipped {
		fmt.Fprintf(out, "%s\n", cmp.Or(r.SkippedReason, "no reason given"))
	} else {
		fmt.Fprintln(out, describeCounts(r.Counts)+differencesAfterCounts(r.Differences))
	}
	if r.Differences.Total() > 0 {
		fmt.Fprintf(out, "    ids: %s\n    to repair: lazisync request rebuild --entities %s\n", strings.Join(r.Differences.Sample, ", "), r.Entity)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(out, "    warning: %s\n", w)
	}
}

// describeCounts returns the number of records that were fetched, and of those the numbers above 0.
func describeCounts(c events.Counts) string {
	text := display.Thousands(c.Fetched) + " fetched"
	for _, part := range []struct {
		n    int64
		what string
	}{{c.Inserted, "inserted"}, {c.Updated, "updated"}, {c.Unchanged, "unchanged"}, {c.Deleted, "deleted"}, {c.Rejected, "rejected"}} {
		if part.n > 0 {
			text += ", " + display.Thousands(part.n) + " " + part.what
		}
	}
	return text
}

// differencesAfterCounts returns the differences that a verify found, "" for another mode.
func differencesAfterCounts(d *events.Differences) string {
	if d == nil {
		return ""
	}
	return ", " + describeDifferences(d)
}

// describeDifferences returns the number of differences, and of those the kinds that occur.
func describeDifferences(d *events.Differences) string {
	text := display.Count(d.Total(), "difference")
	for i, part := range d.Kinds() {
		text += map[bool]string{true: ": ", false: ", "}[i == 0] + display.Thousands(part.Rows) + " " + part.Name
	}
	return text
}

func printRejected(out io.Writer, d events.RejectedData) {
	fmt.Fprintf(out, "rejected   %s: %s\n", d.Code, d.Reason)
	fmt.Fprintf(out, "  to see the rejected event: lazisync deadletter show %d\n", d.DeadLetter.Sequence)
}

// amount returns the number of records read, the total if known, and the rate.
func amount(d events.ProgressData) string {
	text := display.Thousands(d.Records)
	if d.Total != nil {
		text += " of " + display.Thousands(*d.Total)
	}
	text += " records"
	if d.RecordsPerSecond > 0 {
		text += fmt.Sprintf(", %s/s", display.Thousands(int64(d.RecordsPerSecond)))
	}
	return text
}

// waitNote returns why an entity waits, in parentheses, or "".
func waitNote(w *events.Waiting) string {
	if w == nil {
		return ""
	}
	text := map[events.WaitReason]string{
		events.WaitPaused:    "paused",
		events.WaitRateLimit: "waiting for the rate limit",
		events.WaitOutage:    "ServiceTitan is unavailable, retrying",
		events.WaitBusy:      "another run reads this entity",
	}[w.Why]
	if text == "" { // a reason of a later version
		text = "waiting: " + string(w.Why)
	}
	if w.Seconds > 0 {
		text += fmt.Sprintf(" %.0f s", w.Seconds)
	}
	return "  (" + text + ")"
}

// because returns who acted and why, as far as known.
func because(reason, actor string) string {
	parts := []string{}
	if actor != "" {
		parts = append(parts, "by "+actor)
	}
	if reason != "" {
		parts = append(parts, reason)
	}
	return strings.Join(parts, ": ")
}
