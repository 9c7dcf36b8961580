package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
)

// fakeBackends have what the commands of these tests read.
type fakeBackends struct {
	Backends
	stream *fakeStream
	store  *fakeStore // nil without a database
}

func (b fakeBackends) Stream(context.Context) (Stream, error) { return b.stream, nil }

func (b fakeBackends) Store(context.Context) (Store, error) {
	if b.store == nil {
		return nil, ErrNoDatabase
	}
	return b.store, nil
}

type fakeStream struct {
	Stream
	rejected []events.RejectedMessage
	events   []events.Message // delivered to each subscription
	done     func()           // called after the last event
}

func (s *fakeStream) Close() {}

func (s *fakeStream) DeadLetters(_ context.Context, fn func(events.RejectedMessage) error) error {
	for _, r := range s.rejected {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeStream) Subscribe(ctx context.Context, subjects []string, _ stream.StartPosition, fn func(events.Message)) error {
	go func() {
		for _, m := range s.events {
			if strings.Contains(strings.Join(subjects, " ")+" ", m.Subject+" ") {
				fn(m)
			}
		}
		s.done()
	}()
	return nil
}

type fakeStore struct {
	Store
	handlings map[ledger.DeadLetterKey]ledger.Handling
	receipts  map[string]ledger.Receipt
	controls  map[string]ledger.Control
	err       error // of Handlings
}

func (s *fakeStore) Close() {}

func (s *fakeStore) Handlings(context.Context, []ledger.DeadLetterKey) (map[ledger.DeadLetterKey]ledger.Handling, error) {
	return s.handlings, s.err
}

func (s *fakeStore) Receipts(context.Context, []string) (map[string]ledger.Receipt, error) {
	return s.receipts, nil
}

func (s *fakeStore) Controls(context.Context, []string) (map[string]ledger.Control, error) {
	return s.controls, nil
}

// rejectedMessage returns a dead letter of noon, whose original has a body.
func rejectedMessage(sequence uint64, subject string, code events.RejectCode, reason, body string) events.RejectedMessage {
	at := noon.Add(time.Duration(sequence) * time.Minute)
	return events.RejectedMessage{
		Sequence: sequence, At: at, Code: code, Reason: reason, Attempts: 1,
		Message: events.Message{Subject: subject, Header: map[string][]string{}, Data: []byte(body), Stream: "SYNC_COMMANDS", Sequence: 10 + sequence, Stored: at.Add(-time.Second)},
	}
}

// handledDeadLetters has a dead letter in every state.
func handledDeadLetters() fakeBackends {
	const unknown = `entities[0]: got "custmers", want a known entity (did you mean customers?)`
	rejected := []events.RejectedMessage{
		rejectedMessage(1, "sync.requested", events.CodeUnknownEntity, unknown, `{"mode":"full","entities":["custmers"]}`),
		rejectedMessage(2, "sync.requested", events.CodeInvalidData, `mode: got "ful", want full, incremental or rebuild`, `{"mode":"ful"}`),
		rejectedMessage(3, "sync.control", events.CodeUnknownRun, "workflowId: got \"full-sync-1\",\x1b[2Ja workflow without requests", `{"action":"pause","workflowId":"full-sync-1"}`),
		rejectedMessage(4, "sync.requested", events.CodeExpired, "got 1000 deliveries without an acknowledgement", `{"mode":"full"}`),
		rejectedMessage(5, "sync.requested", events.CodeUnknownEntity, unknown, `{"mode":"full","entities":["custmers"]}`),
		rejectedMessage(6, "sync.completed", events.CodeInvalidData, "not a CloudEvent", `{}`),
	}
	rejected[4].Message.Header[events.HeaderFirstStored] = []string{rejected[0].Message.Stored.UTC().Format(time.RFC3339Nano)}
	key := func(i int) ledger.DeadLetterKey {
		return ledger.DeadLetterKey{Sequence: rejected[i].Sequence, RejectedAt: rejected[i].At}.Normalized()
	}
	replay := &ledger.Replay{At: noon.Add(time.Hour), Actor: "ann", Stream: "SYNC_COMMANDS", Sequence: 30}
	return fakeBackends{
		stream: &fakeStream{rejected: rejected},
		store: &fakeStore{
			handlings: map[ledger.DeadLetterKey]ledger.Handling{
				key(0): {Replay: replay}, key(3): {Replay: replay}, key(5): {Replay: replay},
				key(1): {Dismissal: &ledger.Dismissal{At: noon.Add(time.Hour), Actor: "ann", Reason: "a typing error"}},
			},
			receipts: map[string]ledger.Receipt{requestIDOf(rejected[3].Message): {
				Request: ledger.Request{RunNumber: 47}, Outcome: &ledger.Outcome{State: ledger.Completed, RunNumber: 47},
			}},
		},
	}
}

func eventAt[T any](t *testing.T, kind events.Type[T], at time.Time, data T) events.Message {
	t.Helper()
	e, err := kind.New(events.Attributes{ID: fmt.Sprint(at.UnixNano()), Source: "/lazisync", Time: at}, data)
	require.NoError(t, err)
	body, err := e.MarshalJSON()
	require.NoError(t, err)
	return events.Message{Subject: kind.Subject, Data: body}
}

// aDay has an event of each type.
func aDay(t *testing.T) []events.Message {
	run := barsRun()
	ref := events.EventRef{Source: "/lazisync/cli", ID: "1"}
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	other := run
	other.TenantID, other.RunNumber, other.Mode = "8", 4, events.Incremental
	asOf := noon.Add(-2 * time.Hour)
	stale := events.FreshnessData{TenantID: "8", Since: noon, Cause: "no worker runs", Entities: []events.EntityAge{{Entity: "jobs", AsOf: &asOf, AgeSeconds: 7200, TargetSeconds: 3600}}}
	fresh := stale
	fresh.Cause = ""
	return []events.Message{
		eventAt(t, events.Accepted, at(0), events.AcceptedData{Kind: events.KindRequest, RequestID: barsRequest, Event: ref, WorkflowID: run.WorkflowID}),
		eventAt(t, events.Started, at(1), events.StartedData{RunData: run}),
		eventAt(t, events.Progress, at(2), events.ProgressData{RunData: run, Entity: "jobs", Phase: events.PhaseReading, Records: 500, RecordsPerSecond: 250}),
		eventAt(t, events.Paused, at(3), events.ControlledData{RunData: run, Reason: "month-end", Actor: "ann"}),
		eventAt(t, events.Resumed, at(63), events.ControlledData{RunData: run, Actor: "ann"}),
		eventAt(t, events.Completed, at(70), events.OutcomeData{
			RunData: run, StartedAt: at(1), FinishedAt: at(70), Notify: []string{}, Results: []events.Result{
				{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 12_000, Inserted: 40, Updated: 12}},
				{Entity: "jobs", Status: events.StatusSkipped, SkippedReason: "never fully synced"},
			},
		}),
		eventAt(t, events.Rejected, at(80), events.RejectedData{
			Kind: events.KindRequest, Subject: "sync.requested", Code: events.CodeUnknownEntity, Reason: `entities[0]: got "custmers", want customers`,
			Errors: []events.FieldError{}, DeadLetter: events.DeadLetter{Stream: "SYNC_DEADLETTER", Sequence: 9},
		}),
		eventAt(t, events.Failed, at(90), events.OutcomeData{
			RunData: other, StartedAt: at(80), FinishedAt: at(90), Notify: []string{}, Results: []events.Result{},
			Error: &events.RunError{Type: events.AuthError, Message: "POST https://auth.servicetitan.io/connect/token: 400 invalid_client"},
		}),
		eventAt(t, events.Stale, at(95), stale),
		eventAt(t, events.Fresh, at(99), fresh),
		eventAt(t, events.Cancelled, at(100), events.OutcomeData{RunData: run, StartedAt: at(99), FinishedAt: at(100), Notify: []string{}, Results: []events.Result{}, Reason: "wrong tenant"}),
	}
}

// tail prints the events of a day and is then interrupted.
func tail(t *testing.T, o TailOptions, out io.Writer) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	b := fakeBackends{stream: &fakeStream{events: aDay(t), done: interrupt}}
	require.NoError(t, TailEvents(ctx, b, o, out), "Ctrl-C is no error")
}

// screen returns what a terminal shows after it received a text: it handles line breaks, carriage
// returns, cursor movements up and erasure. Colors are shown as ⟨31⟩.
func screen(text string, columns int) string {
	var lines [][]rune
	row, col := 0, 0
	at := func() {
		for len(lines) <= row {
			lines = append(lines, nil)
		}
	}
	sequence := regexp.MustCompile(`^\x1b\[([0-9;?]*)([A-Za-z])`)
	put := func(r rune) {
		at()
		for len(lines[row]) <= col {
			lines[row] = append(lines[row], ' ')
		}
		lines[row][col] = r
		col++
	}
	for len(text) > 0 {
		if m := sequence.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[1])
			switch at(); m[2] {
			case "A":
				row = max(0, row-max(1, n))
			case "J":
				lines[row] = lines[row][:min(col, len(lines[row]))]
				lines = lines[:row+1]
			case "K":
				lines[row] = lines[row][:min(col, len(lines[row]))]
			case "m":
				for _, r := range "⟨" + m[1] + "⟩" {
					put(r)
				}
			}
			text = text[len(m[0]):]
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		switch r {
		case '\r':
			col = 0
		case '\n':
			row, col = row+1, 0
			at()
		default:
			put(r)
		}
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// Each command is printed to a real terminal. What it shows is a golden file.
func TestCommandsOnATerminal(t *testing.T) {
	t.Parallel()
	commands := map[string]func(t *testing.T, out io.Writer){
		"status": func(t *testing.T, out io.Writer) {
			require.NoError(t, busyStatus().print(out, noon, terminalWidth(out)))
		},
		"runs": func(t *testing.T, out io.Writer) {
			require.NoError(t, runsTable(busyStatus().runs, noon).print(out, terminalWidth(out)))
		},
		"schedules": func(t *testing.T, out io.Writer) {
			last, next := noon.Add(-time.Hour), noon.Add(time.Hour)
			require.NoError(t, printSchedules(out, []ledger.Schedule{
				{ScheduleID: "lazisync-incremental-1039746210-jobs", Cron: "*/5 * * * *", Entities: []string{"jobs", "invoices"}, Timezone: "America/New_York", NextRuns: []time.Time{next}, LastRun: &last},
				{ScheduleID: "lazisync-full-1039746210", Cron: "0 3 * * 0", Entities: []string{"customers", "jobs", "invoices", "estimates"}, Timezone: "America/New_York", NextRuns: []time.Time{next}},
				{ScheduleID: "lazisync-incremental-1039746210", Cron: "*/15 * * * *", Entities: []string{"customers", "estimates"}, Timezone: "America/New_York", Paused: true, Note: "paused by ann: month-end", LastRun: &last},
			}, terminalWidth(out)))
		},
		"deadletter": func(t *testing.T, out io.Writer) {
			require.NoError(t, ListDeadLetters(t.Context(), handledDeadLetters(), DeadLetterListOptions{}, out))
		},
		"events": func(t *testing.T, out io.Writer) { tail(t, TailOptions{}, out) },
		"request": func(t *testing.T, out io.Writer) {
			received := make(chan events.Message, 100)
			for _, m := range aRun(t) {
				received <- m
			}
			v := newView(out, false)
			_, err := (&follower{requestID: barsRequest, view: v}).follow(t.Context(), received, nil)
			require.NoError(t, err)
			v.close()
		},
	}
	for name, print := range commands {
		for _, columns := range []uint16{80, 120} {
			t.Run(fmt.Sprintf("%s-%d", name, columns), func(t *testing.T) {
				t.Parallel()
				term := newTerminal(t, columns)
				print(t, NewOutput(term.File, []string{"TERM=xterm"}))
				requireGolden(t, fmt.Sprintf("terminal/%s-%d.txt", name, columns), screen(term.text(t), int(columns)))
			})
		}
	}
}

func TestColorIsOffWithoutATerminalOrIfRefused(t *testing.T) {
	t.Parallel()
	for environment, colored := range map[string]bool{"": true, "NO_COLOR=1": false, "NO_COLOR=": true, "TERM=dumb": false, "TERM=xterm": true} {
		term := newTerminal(t, 80)
		require.NoError(t, runsTable(busyStatus().runs, noon).print(NewOutput(term.File, []string{environment}), 80))
		require.Equal(t, colored, strings.Contains(term.text(t), "\x1b["), environment)
	}
	var out bytes.Buffer
	require.Same(t, &out, NewOutput(&out, nil))
	dumb := newTerminal(t, 80)
	require.IsType(t, &linesView{}, newView(NewOutput(dumb.File, []string{"TERM=dumb"}), false))
	dumb.text(t)
}

func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{60, 70, 80, 100, 120, 160, 200} {
		var out bytes.Buffer
		all, err := readDeadLetters(t.Context(), handledDeadLetters(), handledDeadLetters().stream)
		require.NoError(t, err)
		require.NoError(t, printDeadLetters(&out, all, width))
		require.NoError(t, entitiesTable(entityViews()).print(&out, width))
		require.NoError(t, runsTable(busyStatus().runs, noon).print(&out, width))
		last := noon
		require.NoError(t, printSchedules(&out, []ledger.Schedule{{
			ScheduleID: "lazisync-incremental-1039746210", Cron: "*/15 6-22 * * 1-5", Entities: entity.Names(), Timezone: "America/Argentina/Buenos_Aires", Paused: true, Note: "paused by ann: month-end", LastRun: &last,
		}}, width))
		printer := &eventPrinter{out: &out, width: width}
		for _, m := range aDay(t) {
			require.NoError(t, printer.print(m))
		}
		for line := range strings.Lines(out.String()) {
			require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), width, line)
		}
	}
}
