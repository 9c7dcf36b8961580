package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lazi/lazisync/internal/display"
)

// DeadLetterListOptions are those of `lazisync deadletter ls`.
type DeadLetterListOptions struct {
	DeadLetterFilter
	Open bool // only those that are neither dismissed nor replayed
	JSON bool // one object a line
}

// ListDeadLetters prints a line for each dead letter that the options select, oldest first.
func ListDeadLetters(ctx context.Context, b Backends, o DeadLetterListOptions, out io.Writer) error {
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	all, err := readDeadLetters(ctx, b, conn)
	unknown, isUnknown := errors.AsType[*handlingError](err)
	if err != nil && (!isUnknown || o.JSON || o.Open) {
		return err
	}
	now := time.Now()
	all = slices.DeleteFunc(all, func(d deadLetter) bool { return !o.matches(d.RejectedMessage, now) || o.Open && !d.isOpen() })
	if o.JSON {
		return printJSONLines(out, all, deadLetterJSON)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "No dead letter matches.")
		return err
	}
	if err := printDeadLetters(out, all, terminalWidth(out)); err != nil || !isUnknown {
		return err
	}
	_, err = fmt.Fprintf(out, "\nSTATE may be wrong, %s\n", display.OneLine(unknown.Error()))
	return err
}

func printDeadLetters(out io.Writer, all []deadLetter, width int) error {
	t := &table{
		header:   []string{"SEQUENCE", "REJECTED", "SUBJECT", "CODE", "ATTEMPTS", "STATE", "REASON"},
		flexible: 6, least: 30, optional: []int{4, 1, 2},
	}
	for _, d := range all {
		t.add(fmt.Sprint(d.Sequence), d.At.UTC().Format(time.RFC3339), d.Message.Subject, string(d.Code), fmt.Sprint(d.Attempts),
			cmp.Or(d.result(), d.state()), d.Reason)
	}
	return t.print(out, width)
}

// deadLetterView is a dead letter as --json prints it. Its names are public.
type deadLetterView struct {
	Sequence     uint64             `json:"sequence"`
	RejectedAt   time.Time          `json:"rejectedAt"`
	DeprecatedAt time.Time          `json:"parkedAt"` // deprecated name of rejectedAt
	Subject      string             `json:"subject"`
	Code         string             `json:"code"`
	Attempts     uint64             `json:"attempts"`
	Reason       string             `json:"reason"`
	State        string             `json:"state"`
	Dismissed    *statusPause       `json:"dismissed,omitempty"`
	Replayed     *replayView        `json:"replayed,omitempty"`
	Original     *deadLetterMessage `json:"original,omitempty"` // of deadletter show
}

type replayView struct {
	Since      *time.Time `json:"since,omitempty"` // absent if the ledger has no record of it
	Actor      string     `json:"actor,omitempty"`
	Stream     string     `json:"stream,omitempty"`
	Sequence   uint64     `json:"sequence,omitempty"`
	Result     string     `json:"result"`
	DeadLetter uint64     `json:"deadLetter,omitempty"` // its sequence, if it was rejected again
	RunNumber  int64      `json:"runNumber,omitempty"`
	RunState   string     `json:"runState,omitempty"`
}

type deadLetterMessage struct {
	Stream   string              `json:"stream"`
	Sequence uint64              `json:"sequence"`
	StoredAt time.Time           `json:"storedAt"`
	Headers  map[string][]string `json:"headers"`
	Data     string              `json:"data"`
}

func deadLetterJSON(d deadLetter) deadLetterView {
	v := deadLetterView{
		Sequence: d.Sequence, RejectedAt: d.At, DeprecatedAt: d.At, Subject: d.Message.Subject, Code: string(d.Code),
		Attempts: d.Attempts, Reason: d.Reason, State: d.state(),
	}
	if p := d.Dismissal; p != nil {
		v.Dismissed = &statusPause{Since: p.At, Actor: p.Actor, Reason: p.Reason}
	}
	if result := d.result(); result != "" {
		v.Replayed = &replayView{Result: result, DeadLetter: d.next}
		if r := d.Replay; r != nil {
			v.Replayed.Since, v.Replayed.Actor, v.Replayed.Stream, v.Replayed.Sequence = &r.At, r.Actor, r.Stream, r.Sequence
		}
		if r := d.receipt; r != nil && d.next == 0 {
			v.Replayed.RunNumber = r.RunNumber
			if r.Outcome != nil {
				v.Replayed.RunState = string(r.Outcome.State)
			}
		}
	}
	return v
}

// ShowDeadLetter prints one dead letter: the reason, what became of it, its headers and its bytes.
// A terminal gets control characters escaped, since anyone with access to NATS may have published
// the event.
func ShowDeadLetter(ctx context.Context, b Backends, sequence uint64, asJSON bool, out io.Writer) error {
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.DeadLetterAt(ctx, sequence); err != nil {
		return err
	}
	all, err := readDeadLetters(ctx, b, conn)
	unknown, isUnknown := errors.AsType[*handlingError](err)
	if err != nil && (!isUnknown || asJSON) {
		return err
	}
	i := slices.IndexFunc(all, func(d deadLetter) bool { return d.Sequence == sequence })
	if i < 0 {
		return fmt.Errorf("dead letter %d was deleted meanwhile", sequence)
	}
	if asJSON {
		d := all[i]
		v := deadLetterJSON(d)
		v.Original = &deadLetterMessage{d.Message.Stream, d.Message.Sequence, d.Message.Stored, d.Message.Header, string(d.Message.Data)}
		return json.NewEncoder(out).Encode(v)
	}
	if isTerminal(out) {
		out = escapingWriter{out}
	}
	if isUnknown {
		fmt.Fprintf(out, "state may be wrong, %s\n\n", display.OneLine(unknown.Error()))
	}
	return printDeadLetter(out, all[i], time.Now())
}

func printDeadLetter(out io.Writer, d deadLetter, now time.Time) error {
	fmt.Fprintf(out, "rejected  %s\nsubject   %s\nfrom      %s %d, stored %s\ncode      %s\nreason    %s\nattempts  %d\nstate     %s\n",
		d.At.UTC().Format(time.RFC3339), d.Message.Subject, d.Message.Stream, d.Message.Sequence, d.Message.Stored.UTC().Format(time.RFC3339),
		d.Code, d.Reason, d.Attempts, d.state())
	if p := d.Dismissal; p != nil {
		fmt.Fprintf(out, "dismissed %s\n", actedText(p.At, p.Actor, p.Reason, now))
	}
	if r := d.Replay; r != nil {
		fmt.Fprintf(out, "replayed  %s as %s %d\n", actedText(r.At, r.Actor, "", now), r.Stream, r.Sequence)
	}
	if result := d.result(); result != "" {
		fmt.Fprintf(out, "result    %s\n", result)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Message.Header)) {
		fmt.Fprintf(out, "header    %s: %s\n", name, strings.Join(d.Message.Header[name], ", "))
	}
	_, err := fmt.Fprintf(out, "\n%s\n", d.Message.Data)
	return err
}

// actedText says when something was done, by whom and why.
func actedText(at time.Time, actor, reason string, now time.Time) string {
	text := ago(at, now)
	if actor != "" {
		text += " by " + actor
	}
	if reason != "" {
		text += ": " + reason
	}
	return text
}

// escapingWriter writes control characters and invalid UTF-8 as escapes of Go: \x1b. Line
// breaks and tabs stay. Each write must be whole characters.
type escapingWriter struct{ out io.Writer }

func (e escapingWriter) Write(p []byte) (int, error) {
	var b []byte
	for rest := p; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == '\n' || r == '\t' || strconv.IsPrint(r) && !(r == utf8.RuneError && size == 1) {
			b = append(b, rest[:size]...)
		} else {
			quoted := strconv.Quote(string(rest[:size]))
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		rest = rest[size:]
	}
	_, err := e.out.Write(b)
	return len(p), err
}
