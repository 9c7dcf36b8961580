package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

const (
	statusRuns  = 10
	statusEvery = time.Second
)

// StatusOptions are those of `lazisync status`.
type StatusOptions struct {
	TenantID string // "" for all
	Watch    bool
	JSON     bool
}

// Check says whether there can be such a tenant.
func (o StatusOptions) Check() error { return checkTenantID(o.TenantID) }

// Status prints the latest runs and the freshness of every table, once or until ctx
// ends.
func Status(ctx context.Context, cfg *Config, o StatusOptions, out io.Writer) error {
	s, err := store.Open(ctx, string(cfg.DatabaseURL), store.Options{Logger: zerolog.Nop()})
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
		case <-time.After(statusEvery):
		}
	}
}

func latestRuns(ctx context.Context, s *store.Store, tenant string) ([]ledger.Run, error) {
	if tenant == "" {
		return s.Runs(ctx, statusRuns)
	}
	return s.TenantRuns(ctx, tenant, statusRuns)
}

func printStatus(out io.Writer, runs []ledger.Run, states []ledger.EntityState, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(runs) == 0 {
		fmt.Fprintln(w, "No run yet. Ask for one: lazisync request full --wait")
	} else {
		fmt.Fprintln(w, "RUN\tMODE\tSTATE\tSTARTED\tTOOK\tENTITIES\tWORKFLOW"+ofTenant(runs, "TENANT"))
	}
	for _, r := range runs {
		end := r.FinishedAt
		if end.IsZero() {
			end = now
		}
		var parts []string
		for _, p := range r.Results {
			parts = append(parts, p.Entity+" "+progressOf(p))
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Number, r.Mode, r.State, ago(r.StartedAt, now),
			end.Sub(r.StartedAt).Round(100*time.Millisecond), strings.Join(parts, ", "), r.WorkflowID+ofTenant(runs, r.TenantID))
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

// progressOf says what a run has read of an entity, and how that ended where it did not
// complete.
func progressOf(r events.Result) string {
	switch r.Status {
	case events.StatusSkipped:
		return string(r.Status)
	case events.StatusFailed, events.StatusCancelled:
		return fmt.Sprintf("%s after %s", r.Status, thousands(r.Fetched))
	}
	return thousands(r.Fetched)
}

// ofTenant is the last cell of a line, where the runs are of several tenants.
func ofTenant(runs []ledger.Run, text string) string {
	if !slices.ContainsFunc(runs, func(r ledger.Run) bool { return r.TenantID != runs[0].TenantID }) {
		return ""
	}
	return "\t" + text
}

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

// statusJSON is what --json prints: stable names, RFC 3339 times.
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
	given := func(t time.Time) *time.Time {
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
		one := run{r.Number, r.TenantID, string(r.Mode), string(r.State), r.WorkflowID, r.StartedAt, given(r.FinishedAt), r.Results, nil}
		if r.Error != nil {
			one.Error = r.Error
		}
		answer.Runs = append(answer.Runs, one)
	}
	for _, s := range states {
		answer.States = append(answer.States, state{s.TenantID, s.Entity, s.Status, s.Records, given(s.LastFullSync), given(s.LastIncrementalSync)})
	}
	return answer
}
