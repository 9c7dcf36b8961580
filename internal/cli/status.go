package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	statusRuns     = 10
	statusInterval = time.Second
)

// StatusOptions are those of `lazisync status`.
type StatusOptions struct {
	TenantID events.TenantID // "" for all
	Watch    bool            // refresh every second
	JSON     bool
}

// Check returns an error if the tenant ID is malformed.
func (o StatusOptions) Check() error { return checkTenantID(o.TenantID) }

// Status prints the requests that wait, the open and the latest runs, and the state of every
// entity, once or, with Watch, until ctx ends.
func Status(ctx context.Context, b Backends, o StatusOptions, out io.Writer) error {
	s, err := b.Store(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		shown, err := readStatus(ctx, s, o.TenantID)
		if err != nil {
			return err
		}
		if o.Watch && !o.JSON && movesCursor(out) {
			fmt.Fprint(out, "\x1b[2J\x1b[H") // clear the screen
		}
		if o.JSON {
			err = json.NewEncoder(out).Encode(statusJSON(shown))
		} else {
			err = shown.print(out, time.Now(), terminalWidth(out))
		}
		if err != nil || !o.Watch {
			return err
		}
		if !backoff.Sleep(ctx, statusInterval) {
			return nil
		}
	}
}

// status is what `lazisync status` shows.
type status struct {
	waiting []ledger.Waiting
	runs    []ledger.Run // open ones first
	states  []ledger.EntityState
	ages    []ledger.Freshness
	outages []ledger.Outage // open ones
}

func readStatus(ctx context.Context, s Store, tenant events.TenantID) (shown status, err error) {
	if shown.waiting, err = s.Waiting(ctx, tenant); err != nil {
		return shown, err
	}
	if shown.runs, err = latestRuns(ctx, s, tenant); err != nil {
		return shown, err
	}
	if shown.states, err = s.States(ctx, tenant); err != nil {
		return shown, err
	}
	ages, err := s.Freshness(ctx)
	if err != nil {
		return shown, err
	}
	open, err := s.OpenOutages(ctx)
	if err != nil {
		return shown, err
	}
	shown.addFreshness(tenant, ages, open)
	return shown, nil
}

func latestRuns(ctx context.Context, s Store, tenant events.TenantID) ([]ledger.Run, error) {
	if tenant == "" {
		return s.Runs(ctx, statusRuns)
	}
	return s.TenantRuns(ctx, tenant, statusRuns)
}

// print writes what needs attention, then tables with one line for each row: waiting requests,
// open runs, entities and ended runs. The errors and warnings of the runs follow below. A width
// other than 0 is the maximum of characters in a row.
func (s status) print(out io.Writer, now time.Time, width int) error {
	open, ended := splitRuns(s.runs)
	var sections []section
	if len(s.waiting) > 0 {
		sections = append(sections, section{"Waiting requests", waitingTable(s.waiting, now)})
	}
	if len(open) > 0 {
		sections = append(sections, section{"Open runs", runsTable(open, now)})
	}
	if len(s.states) > 0 {
		sections = append(sections, section{"Entities", s.statesTable(now)})
	}
	if len(ended) > 0 {
		sections = append(sections, section{"Latest runs", runsTable(ended, now)})
	}
	if lines := s.attention(now); len(lines) > 0 {
		fmt.Fprintf(out, "Needs attention\n  %s\n\n", strings.Join(lines, "\n  "))
	}
	for i, one := range sections {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, one.title)
		if err := one.table.print(out, width); err != nil {
			return err
		}
	}
	if len(s.runs) == 0 {
		if len(sections) > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, "No runs yet. Start one: lazisync request full --wait")
	}
	return printRunNotes(out, s.runs)
}

type section struct {
	title string
	table *table
}

func splitRuns(runs []ledger.Run) (open, ended []ledger.Run) {
	for _, r := range runs {
		if r.State == ledger.Running {
			open = append(open, r)
		} else {
			ended = append(ended, r)
		}
	}
	return open, ended
}

// longWait is how long a request may wait for Temporal or a worker before that needs attention.
const longWait = time.Minute

// attention returns a line for whatever stops or has failed until somebody acts: stale entities,
// paused runs, requests that no worker takes, and the latest run of a tenant and mode if it failed.
func (s status) attention(now time.Time) []string {
	lines := s.staleLines(now)
	for _, w := range s.waiting {
		isStuck := w.Why == ledger.WaitForTemporal || w.Why == ledger.WaitForWorker
		if isStuck && now.Sub(w.Since) > longWait {
			lines = append(lines, fmt.Sprintf("%s: %s for %s; check with: lazisync doctor", display.Count(w.Requests, string(w.Mode)+" request"),
				w.Why, now.Sub(w.Since).Round(time.Second)))
		}
	}
	type kind struct {
		tenant events.TenantID
		mode   events.Mode
	}
	latest := map[kind]bool{}
	for _, r := range s.runs {
		of := kind{r.TenantID, r.Mode}
		switch {
		case r.Pause != nil:
			lines = append(lines, fmt.Sprintf("run %d (%s): %s; resume with: lazisync resume %s", r.Number, r.Mode, display.OneLine(pauseText(*r.Pause, now)), r.WorkflowID))
		case r.State == ledger.Running || latest[of]:
		case r.State == ledger.Failed:
			lines = append(lines, fmt.Sprintf("run %d (%s) failed; see it with: lazisync runs show %d", r.Number, r.Mode, r.Number))
		}
		latest[of] = latest[of] || r.State != ledger.Running
	}
	return lines
}

func waitingTable(waiting []ledger.Waiting, now time.Time) *table {
	t := &table{header: []string{"MODE", "REQUESTS", "SINCE", "WHY", "REQUESTED BY", "ENTITIES"}, flexible: 3, least: 24, optional: []int{4, 5}}
	for _, q := range waiting {
		since := ago(q.Since, now)
		if !q.Due.IsZero() {
			since = "due in " + max(0, q.Due.Sub(now)).Round(time.Second).String()
		}
		t.add(string(q.Mode), fmt.Sprint(q.Requests), since, waitText(q, now), requesterText(q.RequestedBy), strings.Join(q.Entities, ", "))
	}
	return t
}

func (s status) statesTable(now time.Time) *table {
	t := &table{header: []string{"TENANT", "ENTITY", "STATUS", "AGE", "RECORDS", "LAST FULL", "LAST INCREMENTAL"}, flexible: 1, optional: []int{0, 5, 6}}
	for _, e := range s.states {
		t.add(string(e.TenantID), e.Entity, cmp.Or(e.Status, "never read"), ageText(s.ageOf(e)), display.Thousands(e.Records), ago(e.LastFullSync, now), ago(e.LastIncrementalSync, now))
	}
	return t
}

// printRunNotes prints the errors, differences and warnings of runs, a line each, below the tables.
func printRunNotes(out io.Writer, runs []ledger.Run) error {
	var lines []string
	for _, r := range runs {
		note := func(text string) { lines = append(lines, fmt.Sprintf("run %d: %s", r.Number, display.OneLine(text))) }
		if r.Error != nil {
			note(string(r.Error.Type) + ": " + r.Error.Message)
		}
		for _, p := range r.Results {
			switch {
			case p.Status == events.StatusSkipped:
				note(p.Entity + " was skipped: " + p.SkippedReason)
			case p.Error != nil && (r.Error == nil || p.Error.Message != r.Error.Message):
				note(p.Entity + ": " + string(p.Error.Type) + ": " + p.Error.Message)
			}
			if p.Differences.Total() > 0 {
				note(p.Entity + ": " + describeDifferences(p.Differences) + "; a rebuild repairs them")
			}
			for _, warning := range p.Warnings {
				note(p.Entity + ": warning: " + warning)
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "\nErrors and warnings\n  %s\n", strings.Join(lines, "\n  "))
	return err
}

// waitText says what a request waits for.
func waitText(w ledger.Waiting, now time.Time) string {
	switch {
	case !w.Due.IsZero():
		return w.Why.String()
	case w.Pause != nil:
		return fmt.Sprintf("run %d, %s", w.Run, pauseText(*w.Pause, now))
	case w.Run != 0:
		return fmt.Sprintf("waits for run %d to end", w.Run)
	}
	return w.Why.String()
}

func pauseText(p ledger.Pause, now time.Time) string {
	text := "paused " + ago(p.Since, now)
	if p.Actor != "" {
		text += " by " + p.Actor
	}
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}

// requesterText says who or what requested a run, and why if that says more.
func requesterText(r ledger.Requester) string {
	actor := r.Actor()
	switch {
	case r.Reason == "" || r.Source == ledger.ScheduleSource || r.Source == ledger.SecondPassSource:
		return actor
	case actor == "" || strings.HasPrefix(r.Reason, actor+" "): // "webhook job.updated"
		return r.Reason
	}
	return actor + ": " + r.Reason
}

// ago returns how long ago a time was, "never" for the zero time.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
