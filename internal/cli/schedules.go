package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/ledger"
)

// Schedules are the configured schedules. The methods return ledger.ErrScheduleNotFound and
// ledger.ErrScheduleOverlap.
type Schedules interface {
	ListSchedules(ctx context.Context) ([]ledger.Schedule, error)
	PauseSchedule(ctx context.Context, id, note string) error
	UnpauseSchedule(ctx context.Context, id, note string) error
	TriggerSchedule(ctx context.Context, id string) (workflowID string, err error)
	Close()
}

// ListSchedules prints the schedules.
func ListSchedules(ctx context.Context, b Backends, asJSON bool, out io.Writer) error {
	return withSchedules(ctx, b, func(s Schedules) error {
		list, err := s.ListSchedules(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(out).Encode(map[string]any{"schedules": append([]ledger.Schedule{}, list...)})
		}
		if len(list) == 0 {
			fmt.Fprintln(out, "No schedules. Create those that are configured: lazisync migrate")
			return nil
		}
		return printSchedules(out, list, terminalWidth(out))
	})
}

func printSchedules(out io.Writer, list []ledger.Schedule, width int) error {
	t := &table{
		header:   []string{"SCHEDULE", "CRON", "ENTITIES", "TIME ZONE", "STATE", "NEXT", "LAST", "NOTE"},
		flexible: 7, optional: []int{7, 3, 6, 2, 1},
	}
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
		t.add(s.ScheduleID, s.Cron, someNames(s.Entities), s.Timezone, state, next, last, s.Note)
	}
	return t.print(out, width)
}

// someNames lists the first two names and the number of the others.
func someNames(names []string) string {
	const shown = 2
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s +%d", strings.Join(names[:shown], ", "), len(names)-shown)
}

// PauseSchedule pauses a schedule until it is resumed.
func PauseSchedule(ctx context.Context, b Backends, id, reason string, out io.Writer) error {
	return withSchedules(ctx, b, func(s Schedules) error {
		return printScheduleResult(out, "paused", id, s.PauseSchedule(ctx, id, scheduleNote("paused", reason)))
	})
}

// ResumeSchedule resumes a paused schedule. Runs missed meanwhile are not made up.
func ResumeSchedule(ctx context.Context, b Backends, id, reason string, out io.Writer) error {
	return withSchedules(ctx, b, func(s Schedules) error {
		return printScheduleResult(out, "resumed", id, s.UnpauseSchedule(ctx, id, scheduleNote("resumed", reason)))
	})
}

// TriggerSchedule starts the sync of a schedule now. If its previous sync is still running,
// the trigger is skipped and the error has ExitRejected.
func TriggerSchedule(ctx context.Context, b Backends, id string, out io.Writer) error {
	return withSchedules(ctx, b, func(s Schedules) error {
		_, err := s.TriggerSchedule(ctx, id)
		if errors.Is(err, ledger.ErrScheduleOverlap) {
			return &ExitError{Code: ExitRejected, Message: id + " was skipped: its previous sync is still running"}
		}
		return printScheduleResult(out, "triggered", id, err)
	})
}

func withSchedules(ctx context.Context, b Backends, do func(Schedules) error) error {
	s, err := b.Schedules(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

func printScheduleResult(out io.Writer, action, id string, err error) error {
	if errors.Is(err, ledger.ErrScheduleNotFound) {
		return fmt.Errorf("unknown schedule %q, see lazisync schedules ls", id)
	}
	if err == nil {
		fmt.Fprintln(out, id+" "+action)
	}
	return err
}

// scheduleNote returns the note that a schedule shows: what was done, by whom and why.
func scheduleNote(action, reason string) string {
	if user := os.Getenv("USER"); user != "" {
		action += " by " + user
	}
	if reason != "" {
		action += ": " + reason
	}
	return action
}
