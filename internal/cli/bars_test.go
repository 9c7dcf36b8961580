package cli

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// terminal is a real one: what is printed to it, and what it then shows.
type terminal struct {
	*os.File
	shown chan string
}

func newTerminal(t *testing.T, columns uint16) *terminal {
	t.Helper()
	screen, tty, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns}))
	term := &terminal{File: tty, shown: make(chan string, 1)}
	go func() {
		text, _ := io.ReadAll(screen) // it ends with an error when the terminal is closed
		term.shown <- string(text)
	}()
	t.Cleanup(func() { _ = screen.Close() })
	return term
}

// text closes the terminal and returns what was printed to it.
func (term *terminal) text(t *testing.T) string {
	t.Helper()
	require.NoError(t, term.Close())
	return <-term.shown
}

func message[T any](t *testing.T, kind events.Type[T], id string, data T) events.Message {
	t.Helper()
	e, err := kind.New(events.Attributes{ID: id, Source: "/lazisync", Time: time.Now()}, data)
	require.NoError(t, err)
	body, err := e.MarshalJSON()
	require.NoError(t, err)
	return events.Message{Subject: kind.Subject, Data: body}
}

const barsRequest = "0123456789abcdef0123"

func barsRun() events.RunData {
	return events.RunData{
		TenantID: "7", Mode: events.Full, WorkflowID: "full-sync-" + barsRequest, RunID: "r", RunNumber: 3, Entities: []string{"customers", "jobs", "invoices"},
		Requests: []events.RequestRef{{RequestID: barsRequest, Source: "/lazisync/cli", ID: "1"}},
	}
}

// aRun returns the events of a run without its last progress.
func aRun(t *testing.T) (all []events.Message) {
	run := barsRun()
	all = append(all,
		message(t, events.Accepted, "a", events.AcceptedData{
			Kind: events.KindRequest, RequestID: barsRequest, Event: events.EventRef{Source: "/lazisync/cli", ID: "1"}, WorkflowID: run.WorkflowID,
		}),
		message(t, events.Started, "s", events.StartedData{RunData: run}))
	total := int64(20_000)
	for records := int64(0); records <= 14_000; records += 2_000 {
		for _, entity := range run.Entities[:2] {
			all = append(all, message(t, events.Progress, "p", events.ProgressData{
				RunData: run, Entity: entity, Phase: events.PhaseReading, Records: records, Total: &total, RecordsPerSecond: 12_345,
			}))
		}
	}
	all = append(all, message(t, events.Paused, "u", events.ControlledData{RunData: run, Reason: "month-end", Actor: "ana"}),
		message(t, events.Progress, "p", events.ProgressData{RunData: run, Entity: "jobs", Phase: events.PhaseDone, Records: 14_000}),
		message(t, events.Completed, "c", events.OutcomeData{
			RunData: run, StartedAt: noon.Add(-time.Second), FinishedAt: noon, Notify: []string{}, Results: []events.Result{
				{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 20_000}}, {Entity: "jobs", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 20_000}},
				{Entity: "invoices", Status: events.StatusSkipped, SkippedReason: "needs a full sync first"},
			},
		}))
	return all
}

// TestBarsEndWithTheOutcome: bars show what the outcome says, whatever progress was lost.
func TestBarsEndWithTheOutcome(t *testing.T) {
	t.Parallel()
	for _, columns := range []uint16{40, 80, 200} {
		term := newTerminal(t, columns)
		require.True(t, isTerminal(term.File))
		received := make(chan events.Message, 100)
		for _, m := range aRun(t) {
			received <- m
		}
		v := newView(term.File, false)
		f := &follower{requestID: barsRequest, view: v}
		code, err := f.follow(t.Context(), received, nil)
		require.NoError(t, err)
		require.Equal(t, ExitSkipped, code)
		v.close()
		text := regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`).ReplaceAllString(term.text(t), "")
		require.Contains(t, text, "paused     by ana: month-end")
		require.Contains(t, text, "completed  run 3 in 1.0 s, 40,000 records a second, 1 of 3 entities skipped")
		require.Contains(t, text, "invoices     skipped    needs a full sync first")
		if columns < 80 {
			continue // a narrow terminal cuts the numbers off
		}
		for _, entity := range []string{"customers", "jobs"} {
			lines := regexp.MustCompile(entity+` +\[.*`).FindAllString(text, -1)
			require.NotEmpty(t, lines)
			require.Contains(t, lines[len(lines)-1], " 20000 records  completed", "%q", lines[len(lines)-1])
		}
	}
}

// TestBarsCanBeStoppedAtAnyTime: Ctrl-C may come at any moment, and events still arrive then.
func TestBarsCanBeStoppedAtAnyTime(t *testing.T) {
	t.Parallel()
	all := aRun(t)
	for range 40 {
		term := newTerminal(t, uint16(10+rand.IntN(150)))
		ctx, interrupt := context.WithCancel(t.Context())
		received, arrived := make(chan events.Message), make(chan struct{})
		go func() {
			defer close(arrived)
			for _, m := range all {
				select {
				case received <- m:
				case <-ctx.Done():
					return
				}
				time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
			}
		}()
		time.AfterFunc(time.Duration(rand.IntN(15))*time.Millisecond, interrupt)
		v := newView(term.File, false)
		f := &follower{requestID: barsRequest, view: v}
		code, err := f.follow(ctx, received, nil)
		if err != nil {
			var exit *ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, ExitInterrupted, exit.Code)
		} else {
			require.Equal(t, ExitSkipped, code)
		}
		v.close()
		interrupt()
		<-arrived
		v.progress(events.ProgressData{RunData: barsRun(), Entity: "estimates"}) // late ones change nothing
		v.controlled("resumed", events.ControlledData{RunData: barsRun()})
		term.text(t)
	}
}

// A request that waits behind a pause says so, also where the pause is older than the
// request.
func TestRequestBehindAPauseReportsThePause(t *testing.T) {
	t.Parallel()
	run := barsRun()
	run.Requests[0].RequestID = "ffffffffffffffffffff" // of another
	run.WorkflowID, run.Mode = "incremental-sync-7", events.Incremental
	var out strings.Builder
	f := &follower{requestID: barsRequest, view: newLinesView(&out), startedAt: time.Now().Add(time.Minute)}
	require.NoError(t, f.handle(message(t, events.Paused, "u", events.ControlledData{RunData: run, Reason: "month-end", Actor: "ana"})))
	require.Empty(t, out.String())
	require.NoError(t, f.handle(message(t, events.Accepted, "a", events.AcceptedData{
		Kind: events.KindRequest, RequestID: barsRequest, Event: events.EventRef{Source: "/lazisync/cli", ID: "1"}, WorkflowID: run.WorkflowID,
	})))
	require.Contains(t, out.String(), "waiting    incremental-sync-7 is paused by ana: month-end")
	f.startedAt = time.Time{}
	require.NoError(t, f.handle(message(t, events.Resumed, "v", events.ControlledData{RunData: run, Actor: "ana"})))
	require.Contains(t, out.String(), "resumed    by ana")
}

// What came to nothing is not called done: the outcome says whether it failed or was skipped.
func TestLinesNameFailedAndSkippedEntities(t *testing.T) {
	t.Parallel()
	run := barsRun()
	var out strings.Builder
	v := newLinesView(&out)
	for _, entity := range run.Entities {
		v.progress(events.ProgressData{RunData: run, Entity: entity, Phase: events.PhaseDone})
	}
	require.Empty(t, out.String())
	v.outcome("failed", events.OutcomeData{RunData: run, Results: []events.Result{
		{Entity: "customers", Status: events.StatusCompleted},
		{Entity: "jobs", Status: events.StatusFailed, Error: &events.RunError{Type: events.PermissionError, Message: "403 Forbidden"}},
		{Entity: "invoices", Status: events.StatusSkipped, SkippedReason: "needs a full sync first"},
	}})
	require.Regexp(t, `^failed +run 3 in 0\.0 s, 1 of 3 entities skipped\n  customers +completed +0 fetched.*\n  jobs +failed +PermissionError: 403 Forbidden; 0 fetched.*\n  invoices +skipped +needs a full sync first\n$`, out.String())
}
