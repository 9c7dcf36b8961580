package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/temporal"
)

// ListSchedules prints the schedules.
func ListSchedules(ctx context.Context, cfg *Config, asJSON bool, out io.Writer) error {
	return withSchedules(cfg, func(c *temporal.Client) error {
		list, err := c.ListSchedules(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(out).Encode(map[string]any{"schedules": append([]ledger.Schedule{}, list...)})
		}
		if len(list) == 0 {
			fmt.Fprintln(out, "No schedule; lazisync migrate makes those that are configured.")
			return nil
		}
		return printSchedules(out, list)
	})
}

func printSchedules(out io.Writer, list []ledger.Schedule) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCHEDULE\tCRON\tTIME ZONE\tSTATE\tNEXT\tLAST\tNOTE")
	for _, s := range list {
		state, next := "active", "-"
		switch {
		case s.Paused:
			state = "paused"
		case len(s.NextRuns) > 0:
			next = s.NextRuns[0].Format(time.RFC3339)
		}
		if len(s.Running) > 0 {
			state += ", running"
		}
		last := "never"
		if s.LastRun != nil {
			last = s.LastRun.Format(time.RFC3339)
		}
		fmt.Fprintln(table, strings.Join([]string{s.ScheduleID, s.Cron, s.Timezone, state, next, last, s.Note}, "\t"))
	}
	return table.Flush()
}

// PauseSchedule keeps a schedule from acting, ResumeSchedule lets it act again.
func PauseSchedule(ctx context.Context, cfg *Config, id, reason string, out io.Writer) error {
	return withSchedules(cfg, func(c *temporal.Client) error {
		return told(out, "paused", id, c.PauseSchedule(ctx, id, note("paused", reason)))
	})
}

// ResumeSchedule undoes PauseSchedule. What would have been due meanwhile is not made up for.
func ResumeSchedule(ctx context.Context, cfg *Config, id, reason string, out io.Writer) error {
	return withSchedules(cfg, func(c *temporal.Client) error {
		return told(out, "resumed", id, c.UnpauseSchedule(ctx, id, note("resumed", reason)))
	})
}

// TriggerSchedule starts what a schedule starts, now. Where that was skipped because the
// last one goes on, the exit code is that of a rejection.
func TriggerSchedule(ctx context.Context, cfg *Config, id string, out io.Writer) error {
	return withSchedules(cfg, func(c *temporal.Client) error {
		_, err := c.TriggerSchedule(ctx, id)
		if errors.Is(err, ledger.ErrScheduleOverlap) {
			return &ExitError{Code: ExitRejected, Message: id + " was skipped: what it started before still goes on"}
		}
		return told(out, "triggered", id, err)
	})
}

func withSchedules(cfg *Config, do func(*temporal.Client) error) error {
	c, err := openTemporal(cfg, zerolog.Nop())
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

func told(out io.Writer, what, id string, err error) error {
	if errors.Is(err, ledger.ErrScheduleNotFound) {
		return fmt.Errorf("schedule: got %q, want one that \"lazisync schedules ls\" shows", id)
	}
	if err == nil {
		fmt.Fprintln(out, id+" "+what)
	}
	return err
}

// note is what a schedule shows of who changed it, and why.
func note(what, reason string) string {
	if user := os.Getenv("USER"); user != "" {
		what += " by " + user
	}
	if reason != "" {
		what += ": " + reason
	}
	return what
}
