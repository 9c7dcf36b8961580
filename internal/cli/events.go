package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/stream"
)

// TailOptions are those of `lazisync events tail`.
type TailOptions struct {
	Types    []string        // such as completed, sync.completed or com.lazi.sync.completed.v1; empty for all but progress
	TenantID events.TenantID // "" for all
	Run      int64           // 0 for all
	Since    time.Duration   // begin with events of this time; 0 for new ones
	JSON     bool            // print CloudEvents, one a line
}

// Check returns an error that names each option with an invalid value.
func (o TailOptions) Check() error {
	var errs []error
	if _, err := o.subjects(); err != nil {
		errs = append(errs, err)
	}
	if err := checkTenantID(o.TenantID); err != nil {
		errs = append(errs, err)
	}
	if o.Run < 0 {
		errs = append(errs, fmt.Errorf("--run: got %d, want the number of a run", o.Run))
	}
	if o.Since < 0 {
		errs = append(errs, fmt.Errorf("--since: got %s, want a duration above 0, such as 1h", o.Since))
	}
	return errors.Join(errs...)
}

const subjectPrefix = "sync."

// EventTypeNames returns the values of --type: subjects without their prefix.
func EventTypeNames() (names []string) {
	for _, d := range events.All() {
		if !d.Command {
			names = append(names, strings.TrimPrefix(d.Subject, subjectPrefix))
		}
	}
	return names
}

// subjects returns the subjects of the types.
func (o TailOptions) subjects() (subjects []string, err error) {
	names := EventTypeNames()
	var unknown []error
	for _, text := range o.Types {
		for name := range strings.SplitSeq(text, ",") {
			name = strings.TrimSpace(name)
			short := strings.TrimPrefix(name, subjectPrefix)
			if d, ok := events.ByType(name); ok {
				short = strings.TrimPrefix(d.Subject, subjectPrefix)
			}
			switch {
			case !slices.Contains(names, short):
				want := "one of " + strings.Join(names, ", ")
				if nearest, ok := events.Nearest(short, names); ok {
					want = nearest
				}
				unknown = append(unknown, fmt.Errorf("--type: got %q, want %s", name, want))
			case !slices.Contains(subjects, subjectPrefix+short):
				subjects = append(subjects, subjectPrefix+short)
			}
		}
	}
	if len(o.Types) == 0 {
		for _, name := range names {
			if subject := subjectPrefix + name; subject != events.Progress.Subject {
				subjects = append(subjects, subject)
			}
		}
	}
	return subjects, errors.Join(unknown...)
}

// TailEvents prints a line for each event that the options select, until ctx ends. That is no
// error.
func TailEvents(ctx context.Context, b Backends, o TailOptions, out io.Writer) error {
	subjects, err := o.subjects()
	if err != nil {
		return UsageError(err)
	}
	conn, err := b.Stream(ctx)
	if err != nil {
		return endOf(ctx, err)
	}
	defer conn.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	received, deliver := messageQueue(ctx)
	var from stream.StartPosition
	if o.Since > 0 {
		from.Time = time.Now().Add(-o.Since)
	}
	if err := conn.Subscribe(ctx, subjects, from, deliver); err != nil {
		return endOf(ctx, err)
	}
	p := &eventPrinter{TailOptions: o, out: out, width: terminalWidth(out)}
	for {
		select {
		case m := <-received:
			if err := p.print(m); err != nil {
				return err
			}
		case <-ctx.Done():
			for { // what arrived before
				select {
				case m := <-received:
					if err := p.print(m); err != nil {
						return err
					}
				default:
					return nil
				}
			}
		}
	}
}

// endOf returns nil if ctx ended, whatever that led to.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// eventPrinter prints events that the options select. On a terminal, which has a width, it prints the
// date once a day, to leave room.
type eventPrinter struct {
	TailOptions
	out   io.Writer
	width int
	day   string // of the latest event
}

func (p *eventPrinter) print(m events.Message) error {
	e, err := events.Decode(m)
	if err != nil {
		return nil // no event of this version
	}
	var of struct {
		TenantID  events.TenantID `json:"tenantId"`
		RunNumber int64           `json:"runNumber"`
	}
	if err := e.DataAs(&of); err != nil {
		return nil
	}
	if p.TenantID != "" && of.TenantID != p.TenantID || p.Run != 0 && of.RunNumber != p.Run {
		return nil
	}
	if p.JSON {
		data, err := events.Encode(e)
		if err == nil {
			_, err = fmt.Fprintf(p.out, "%s\n", data)
		}
		return err
	}
	run := ""
	if of.RunNumber != 0 {
		run = fmt.Sprintf("run %d", of.RunNumber)
	}
	return p.printLine(e.Time().UTC(), strings.TrimPrefix(m.Subject, subjectPrefix), run, display.OneLine(describeEvent(e)))
}

func (p *eventPrinter) printLine(at time.Time, kind, run, text string) error {
	shown := at.Format(time.RFC3339)
	rest := fmt.Sprintf("%s  %-6s  %s", strings.Repeat(" ", max(0, 9-len(kind))), run, text)
	if p.width > 0 {
		if day := at.Format(time.DateOnly); day != p.day {
			p.day = day
			if _, err := fmt.Fprintln(p.out, day+" (UTC)"); err != nil {
				return err
			}
		}
		shown = at.Format(time.TimeOnly)
		rest = display.Shorten(rest, max(1, p.width-len(shown)-columnGap-len(kind)))
	}
	_, err := fmt.Fprintln(p.out, shown+"  "+paint(p.out, kind)+strings.TrimRight(rest, " "))
	return err
}

// describeEvent says in a few words what an event reports.
func describeEvent(e events.Event) string {
	switch e.Type() {
	case events.Accepted.Name:
		return describe(e, events.Accepted, describeAccepted)
	case events.Rejected.Name:
		return describe(e, events.Rejected, func(d events.RejectedData) string {
			return fmt.Sprintf("%s, dead letter %d: %s: %s", d.Kind, d.DeadLetter.Sequence, d.Code, d.Reason)
		})
	case events.Started.Name:
		return describe(e, events.Started, func(d events.StartedData) string { return runWords(d.RunData) })
	case events.Progress.Name:
		return describe(e, events.Progress, func(d events.ProgressData) string {
			return fmt.Sprintf("%s %s %s%s", d.Entity, d.Phase, amount(d), waitNote(d.Waiting))
		})
	case events.Paused.Name:
		return describe(e, events.Paused, describeControl)
	case events.Resumed.Name:
		return describe(e, events.Resumed, describeControl)
	case events.Stale.Name:
		return describe(e, events.Stale, describeFreshness)
	case events.Fresh.Name:
		return describe(e, events.Fresh, describeFreshness)
	case events.Completed.Name:
		return describe(e, events.Completed, describeRunEnd)
	case events.Failed.Name:
		return describe(e, events.Failed, describeRunEnd)
	case events.Cancelled.Name:
		return describe(e, events.Cancelled, describeRunEnd)
	}
	return ""
}

// describe returns the description of the data of an event, "" if they are invalid.
func describe[T any](e events.Event, t events.Type[T], text func(T) string) string {
	data, err := t.Data(e)
	if err != nil {
		return ""
	}
	return text(data)
}

func describeControl(d events.ControlledData) string {
	return runWords(d.RunData, because(d.Reason, d.Actor))
}

func describeAccepted(d events.AcceptedData) string {
	text := fmt.Sprintf("%s %s for %s", d.Kind, d.RequestID, d.WorkflowID)
	if d.Outcome != nil {
		return text + ", which has its outcome: " + describeOutcome(*d.Outcome)
	}
	if d.Duplicate {
		text += ", a duplicate"
	}
	return text
}

// runWords returns mode and tenant of a run, and further words.
func runWords(d events.RunData, more ...string) string {
	words := []string{fmt.Sprintf("%s of tenant %s", d.Mode, d.TenantID)}
	if len(more) == 0 {
		more = []string{strings.Join(d.Entities, ", ")}
	}
	for _, word := range more {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

func describeRunEnd(d events.OutcomeData) string {
	if d.Error != nil {
		return runWords(d.RunData, string(d.Error.Type)+": "+d.Error.Message)
	}
	var fetched, changed int64
	for _, r := range d.Results {
		fetched += r.Fetched
		changed += r.Inserted + r.Updated + r.Deleted
	}
	words := []string{fmt.Sprintf("%s records, %s changed in %s", display.Thousands(fetched), display.Thousands(changed), d.FinishedAt.Sub(d.StartedAt).Round(100*time.Millisecond))}
	if names := skippedEntities(d); len(names) > 0 {
		words = append(words, "skipped "+strings.Join(names, ", "))
	}
	return runWords(d.RunData, append(words, d.Reason)...)
}

func describeFreshness(d events.FreshnessData) string {
	names := make([]string, len(d.Entities))
	for i, e := range d.Entities {
		names[i] = e.Entity
	}
	text := fmt.Sprintf("tenant %s: %s", d.TenantID, strings.Join(names, ", "))
	if d.Cause != "" {
		text += "; likely cause: " + d.Cause
	}
	return text
}
