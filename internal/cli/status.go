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
	Watch    bool   // print it again every second
	JSON     bool
}

// Check returns an error if the tenant ID is malformed.
func (o StatusOptions) Check() error { return checkTenantID(o.TenantID) }

// Status prints the latest runs and the state of every entity, once or, with Watch, until
// ctx ends.
func Status(ctx context.Context, b Backends, o StatusOptions, out io.Writer) error {
	s, err := b.Store(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		runs, err := latestRuns(ctx, s, o.TenantID)
		if err != nil {
			return err
		}
		states, err := s.States(ctx, o.TenantID)
		if err != nil {
			return err
		}
		if o.Watch && !o.JSON && isTerminal(out) {
			fmt.Fprint(out, "\x1b[2J\x1b[H") // clear the screen
		}
		if o.JSON {
			err = json.NewEncoder(out).Encode(statusJSON(runs, states))
		} else {
			err = printStatus(out, runs, states, time.Now())
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

func latestRuns(ctx context.Context, s Store, tenant string) ([]ledger.Run, error) {
	if tenant == "" {
		return s.Runs(ctx, statusRuns)
	}
	return s.TenantRuns(ctx, tenant, statusRuns)
}

func printStatus(out io.Writer, runs []ledger.Run, states []ledger.EntityState, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(runs) == 0 {
		fmt.Fprintln(w, "No runs yet. Start one: lazisync request full --wait")
	} else {
		fmt.Fprintln(w, "RUN\tMODE\tSTATE\tSTARTED\tTOOK\tENTITIES\tWORKFLOW"+tenantCell(runs, "TENANT"))
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
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Number, r.Mode, r.State, ago(r.StartedAt, now),
			end.Sub(r.StartedAt).Round(100*time.Millisecond), strings.Join(parts, ", "), r.WorkflowID+tenantCell(runs, r.TenantID))
		if r.Error != nil {
			fmt.Fprintf(w, "\t\t%s: %s\t\t\t\t\n", r.Error.Type, r.Error.Message)
		}
		for _, p := range r.Results {
			for _, warning := range p.Warnings {
				fmt.Fprintf(w, "\t\t%s: warning: %s\t\t\t\t\n", p.Entity, warning)
			}
		}
	}
	if len(states) > 0 {
		fmt.Fprintln(w, "\t\t\t\t\t\t")
		fmt.Fprintln(w, "TENANT\tENTITY\tSTATUS\tRECORDS\tLAST FULL\tLAST INCREMENTAL\t")
	}
	for _, s := range states {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", s.TenantID, s.Entity, s.Status, thousands(s.Records),
			ago(s.LastFullSync, now), ago(s.LastIncrementalSync, now))
	}
	return w.Flush()
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

// statusJSON returns what --json prints. Its names are public.
func statusJSON(runs []ledger.Run, states []ledger.EntityState) any {
	type run struct {
		RunNumber  int64      `json:"runNumber"`
		TenantID   string     `json:"tenantId"`
		Mode       string     `json:"mode"`
		State      string     `json:"state"`
		WorkflowID string     `json:"workflowId"`
		StartedAt  time.Time  `json:"startedAt"`
		FinishedAt *time.Time `json:"finishedAt,omitempty"`
		Results    any        `json:"results"`
		Error      any        `json:"error,omitempty"`
	}
	type state struct {
		TenantID            string     `json:"tenantId"`
		Entity              string     `json:"entity"`
		Status              string     `json:"status"`
		Records             int64      `json:"records"`
		LastFullSync        *time.Time `json:"lastFullSync,omitempty"`
		LastIncrementalSync *time.Time `json:"lastIncrementalSync,omitempty"`
	}
	orNil := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	answer := struct {
		Runs   []run   `json:"runs"`
		States []state `json:"states"`
	}{[]run{}, []state{}}
	for _, r := range runs {
		one := run{r.Number, r.TenantID, string(r.Mode), string(r.State), r.WorkflowID, r.StartedAt, orNil(r.FinishedAt), r.Results, nil}
		if r.Error != nil {
			one.Error = r.Error
		}
		answer.Runs = append(answer.Runs, one)
	}
	for _, s := range states {
		answer.States = append(answer.States, state{s.TenantID, s.Entity, s.Status, s.Records, orNil(s.LastFullSync), orNil(s.LastIncrementalSync)})
	}
	return answer
}
