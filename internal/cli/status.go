package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	statusRuns     = 10
	statusInterval = time.Second
)

// StatusOptions are those of `lazisync status`.
type StatusOptions struct {
	TenantID string // "" for all
	Watch    bool   // refresh every second
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
		if o.Watch && !o.JSON && isTerminal(out) {
			fmt.Fprint(out, "\x1b[2J\x1b[H") // clear the screen
		}
		if o.JSON {
			err = json.NewEncoder(out).Encode(statusJSON(shown))
		} else {
			err = shown.print(out, time.Now())
		}
		if err != nil || !o.Watch {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(statusInterval):
		}
	}
}

// status is what `lazisync status` shows.
type status struct {
	waiting []ledger.Waiting
	runs    []ledger.Run // open ones first
	states  []ledger.EntityState
}

func readStatus(ctx context.Context, s Store, tenant string) (shown status, err error) {
	if shown.waiting, err = s.Waiting(ctx, tenant); err != nil {
		return shown, err
	}
	if shown.runs, err = latestRuns(ctx, s, tenant); err != nil {
		return shown, err
	}
	shown.states, err = s.States(ctx, tenant)
	return shown, err
}

func latestRuns(ctx context.Context, s Store, tenant string) ([]ledger.Run, error) {
	if tenant == "" {
		return s.Runs(ctx, statusRuns)
	}
	return s.TenantRuns(ctx, tenant, statusRuns)
}

func (s status) print(out io.Writer, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(s.waiting) > 0 {
		fmt.Fprintln(w, "WAITING\tREQUESTS\tSINCE\tREASON\tREQUESTED BY\tENTITIES\tWORKFLOW\t")
	}
	for _, q := range s.waiting {
		since := ago(q.Since, now)
		if !q.Due.IsZero() {
			since = "due in " + max(0, q.Due.Sub(now)).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", q.Mode, q.Requests, since, waitText(q, now),
			requesterText(q.RequestedBy), strings.Join(q.Entities, ", "), q.WorkflowID)
	}
	if len(s.waiting) > 0 {
		fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	}
	printRuns(w, s.runs, now)
	if len(s.states) > 0 {
		fmt.Fprintln(w, "\t\t\t\t\t\t\t")
		fmt.Fprintln(w, "TENANT\tENTITY\tSTATUS\tRECORDS\tLAST FULL\tLAST INCREMENTAL\t\t")
	}
	for _, s := range s.states {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\t\n", s.TenantID, s.Entity, s.Status, thousands(s.Records),
			ago(s.LastFullSync, now), ago(s.LastIncrementalSync, now))
	}
	return w.Flush()
}

func printRuns(w io.Writer, runs []ledger.Run, now time.Time) {
	if len(runs) == 0 {
		fmt.Fprintln(w, "No runs yet. Start one: lazisync request full --wait")
	} else {
		fmt.Fprintln(w, "RUN\tMODE\tSTATE\tSTARTED\tTOOK\tENTITIES\tWORKFLOW\tREQUESTED BY"+tenantCell(runs, "TENANT"))
	}
	for _, r := range runs {
		end := r.FinishedAt
		if end.IsZero() {
			end = now
		}
		var parts []string
		for _, p := range r.Results {
			parts = append(parts, p.Entity+" "+resultText(p))
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Number, r.Mode, r.ReportedState(), ago(r.StartedAt, now),
			end.Sub(r.StartedAt).Round(100*time.Millisecond), strings.Join(parts, ", "), r.WorkflowID,
			requesterText(r.RequestedBy)+tenantCell(runs, r.TenantID))
		if r.Pause != nil {
			fmt.Fprintf(w, "\t\t%s\t\t\t\t\t\n", pauseText(*r.Pause, now))
		}
		if r.Error != nil {
			fmt.Fprintf(w, "\t\t%s: %s\t\t\t\t\t\n", r.Error.Type, r.Error.Message)
		}
		for _, p := range r.Results {
			for _, warning := range p.Warnings {
				fmt.Fprintf(w, "\t\t%s: warning: %s\t\t\t\t\t\n", p.Entity, warning)
			}
		}
	}
}

// waitText says what a request waits for.
func waitText(w ledger.Waiting, now time.Time) string {
	switch {
	case w.Pause != nil:
		return fmt.Sprintf("run %d is %s", w.Run, pauseText(*w.Pause, now))
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
	case actor == "":
		return r.Reason
	}
	return actor + ": " + r.Reason
}

// resultText returns the number of records that a run read of an entity, or how it ended if
// it did not complete.
func resultText(r events.Result) string {
	switch r.Status {
	case events.StatusSkipped:
		return string(r.Status)
	case events.StatusFailed, events.StatusCancelled:
		return fmt.Sprintf("%s after %s", r.Status, thousands(r.Fetched))
	}
	return thousands(r.Fetched)
}

// tenantCell returns the last cell of a line if the runs are of several tenants.
func tenantCell(runs []ledger.Run, text string) string {
	if !slices.ContainsFunc(runs, func(r ledger.Run) bool { return r.TenantID != runs[0].TenantID }) {
		return ""
	}
	return "\t" + text
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
