package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// maxListedRuns is the maximum of --limit of `lazisync runs ls`.
const maxListedRuns = 1000

// RunsOptions are those of `lazisync runs ls`.
type RunsOptions struct {
	ledger.RunFilter               // but Since, which depends on Within
	Within           time.Duration // only runs that began within this time; 0 for all
	Limit            int           // at most
	JSON             bool
}

// Check returns an error that names each option with an invalid value.
func (o RunsOptions) Check() error {
	var errs []error
	if err := checkTenantID(o.TenantID); err != nil {
		errs = append(errs, err)
	}
	for _, e := range o.RunFilter.Check() {
		errs = append(errs, fmt.Errorf("--%s", e))
	}
	if o.Within < 0 {
		errs = append(errs, fmt.Errorf("--since: got %s, want a duration above 0, such as 24h", o.Within))
	}
	if o.Before < 0 {
		errs = append(errs, fmt.Errorf("--before: got %d, want the number of a run", o.Before))
	}
	if o.Limit < 1 || o.Limit > maxListedRuns {
		errs = append(errs, fmt.Errorf("--limit: got %d, want an integer from 1 to %d", o.Limit, maxListedRuns))
	}
	return errors.Join(errs...)
}

// RunFilterValues returns the values that the options state, mode and entity can have.
func RunFilterValues() map[string][]string {
	states := make([]string, len(ledger.RunStates))
	for i, s := range ledger.RunStates {
		states[i] = string(s)
	}
	return map[string][]string{"state": states, "mode": events.ModeNames(), "entity": entity.Names()}
}

// ListRuns prints the runs that the options select, newest first, one line each.
func ListRuns(ctx context.Context, b Backends, o RunsOptions, out io.Writer) error {
	s, err := b.Store(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	now := time.Now()
	filter := o.RunFilter
	if o.Within > 0 {
		filter.Since = now.Add(-o.Within)
	}
	runs, err := s.FindRuns(ctx, filter, o.Limit)
	if err != nil {
		return err
	}
	if o.JSON {
		return printJSONLines(out, runs, runJSON)
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintln(out, "No run matches.")
		return err
	}
	t := runsTable(runs, now)
	if err := t.print(out, terminalWidth(out)); err != nil || len(runs) < o.Limit {
		return err
	}
	_, err = fmt.Fprintf(out, "\nOlder runs: --before %d\n", runs[len(runs)-1].Number)
	return err
}

// runsTable returns a table with one row for each run. It has the tenants if there are several,
// and the workflow of open runs, which pause, resume and cancel need.
func runsTable(runs []ledger.Run, now time.Time) *table {
	t := &table{
		header:   []string{"RUN", "MODE", "STATE", "STARTED", "TOOK", "RECORDS", "CHANGED", "TENANT", "REQUESTED BY", "WORKFLOW", "ENTITIES"},
		flexible: 10, optional: []int{8, 6, 4, 10, 9},
	}
	severalTenants := slices.ContainsFunc(runs, func(r ledger.Run) bool { return r.TenantID != runs[0].TenantID })
	for _, r := range runs {
		var fetched, changed int64
		for _, p := range r.Results {
			fetched += p.Fetched
			changed += p.Inserted + p.Updated + p.Deleted
		}
		tenant, workflow := "", ""
		if severalTenants {
			tenant = string(r.TenantID)
		}
		if r.State == ledger.Running {
			workflow = r.WorkflowID
		}
		t.add(fmt.Sprint(r.Number), string(r.Mode), string(r.ReportedState()), ago(r.StartedAt, now), took(r, now),
			display.Thousands(fetched), display.Thousands(changed), tenant, requesterText(r.RequestedBy), workflow, strings.Join(r.Entities, ", "))
	}
	return t
}

// took returns how long a run took, or has taken if it is open.
func took(r ledger.Run, now time.Time) string {
	end := r.FinishedAt
	if end.IsZero() {
		end = now
	}
	d := end.Sub(r.StartedAt)
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// ShowRun prints one run: what requested it, its times, its result for each entity with
// warnings and errors, and the SQL that selects what it changed.
func ShowRun(ctx context.Context, b Backends, number int64, asJSON bool, out io.Writer) error {
	s, err := b.Store(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.RunHeader(ctx, number)
	if errors.Is(err, ledger.ErrUnknown) {
		return fmt.Errorf("run %d does not exist; lazisync runs ls lists the runs", number)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(runJSON(r))
	}
	return printRun(out, r, time.Now(), terminalWidth(out))
}

// runTitle says what a run is.
func runTitle(r ledger.Run) string {
	if r.Refresh {
		return "refresh of chosen records"
	}
	return strings.ToLower(r.Mode.Info().Title)
}

func printRun(out io.Writer, r ledger.Run, now time.Time, width int) error {
	fmt.Fprintf(out, "Run %d: %s of tenant %s, %s\n\n", r.Number, runTitle(r), r.TenantID, r.ReportedState())
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(out, "  %-13s %s\n", label, display.OneLine(text))
		}
	}
	line("requested by", requestedText(r, now))
	line("workflow", r.WorkflowID)
	line("started", r.StartedAt.UTC().Format(time.DateTime)+" UTC, "+ago(r.StartedAt, now))
	if r.FinishedAt.IsZero() {
		line("running for", took(r, now))
	} else {
		line("took", took(r, now))
	}
	if r.Pause != nil {
		line("paused", strings.TrimPrefix(pauseText(*r.Pause, now), "paused "))
		line("", "resume it with: lazisync resume "+r.WorkflowID)
	}
	line("reason", r.Reason)
	if r.Error != nil {
		line("error", string(r.Error.Type)+": "+r.Error.Message)
	}
	if !r.Published && r.State != ledger.Running {
		line("outcome", "not published yet")
	}
	if len(r.Results) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	if err := resultsTable(r.Results).print(out, width); err != nil {
		return err
	}
	for _, p := range r.Results {
		printNotes(out, p)
	}
	if table := changedTable(r.Results); table != "" {
		fmt.Fprintf(out, "\nRows that it changed: select * from %s where tenant_id = %s and run_number = %d\n", table, r.TenantID, r.Number)
	}
	return nil
}

// requestedText says who or what requested the run, when and why, and how many more requests
// the run serves.
func requestedText(r ledger.Run, now time.Time) string {
	text := requesterText(r.RequestedBy)
	if !r.RequestedBy.At.IsZero() {
		text += ", " + ago(r.RequestedBy.At, now)
	}
	if r.RequestCount > 1 {
		text += ", and " + display.Count(r.RequestCount-1, "more request")
	}
	return text
}

func resultsTable(results []events.Result) *table {
	t := &table{
		header:   []string{"ENTITY", "STATUS", "PAGES", "RECORDS", "INSERTED", "UPDATED", "UNCHANGED", "DELETED", "REJECTED"},
		flexible: 0, optional: []int{2, 6},
	}
	for _, p := range results {
		t.add(p.Entity, string(p.Status), display.Thousands(p.Pages), display.Thousands(p.Fetched), display.Thousands(p.Inserted),
			display.Thousands(p.Updated), display.Thousands(p.Unchanged), display.Thousands(p.Deleted), display.Thousands(p.Rejected))
	}
	return t
}

// printNotes prints why an entity was skipped or failed, its differences and its warnings, a line each.
func printNotes(out io.Writer, p events.Result) {
	if p.SkippedReason != "" {
		fmt.Fprintf(out, "  %s: skipped: %s\n", p.Entity, display.OneLine(p.SkippedReason))
	}
	if p.Error != nil {
		fmt.Fprintf(out, "  %s: %s: %s\n", p.Entity, p.Error.Type, display.OneLine(p.Error.Message))
	}
	if p.Differences != nil {
		fmt.Fprintf(out, "  %s: %s\n", p.Entity, describeDifferences(p.Differences))
	}
	if p.Differences.Total() > 0 {
		fmt.Fprintf(out, "  %s: ids: %s\n", p.Entity, strings.Join(p.Differences.Sample, ", "))
		fmt.Fprintf(out, "  %s: to repair: lazisync request rebuild --entities %s\n", p.Entity, p.Entity)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(out, "  %s: warning: %s\n", p.Entity, display.OneLine(warning))
	}
}

// changedTable returns the table of the first entity of which rows changed, or "".
func changedTable(results []events.Result) string {
	for _, p := range results {
		if p.Inserted+p.Updated+p.Deleted > 0 {
			return "raw.st_" + p.Entity
		}
	}
	return ""
}
