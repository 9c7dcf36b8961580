package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// DeadLetterFilter picks dead letters. The zero value picks all.
type DeadLetterFilter struct {
	Class string // the code of the rejection
	Since time.Duration
}

// Check says whether there is such a class and such a time.
func (f DeadLetterFilter) Check() error {
	if f.Since < 0 {
		return fmt.Errorf("--since: got %s, want a duration above 0, such as 24h", f.Since)
	}
	if f.Class == "" || slices.Contains(events.RejectCodes, events.RejectCode(f.Class)) {
		return nil
	}
	names := make([]string, len(events.RejectCodes))
	for i, code := range events.RejectCodes {
		names[i] = string(code)
	}
	want := "one of " + strings.Join(names, ", ")
	if nearest, ok := events.Nearest(f.Class, names); ok {
		want = nearest
	}
	return fmt.Errorf("--class: got %q, want %s", f.Class, want)
}

func (f DeadLetterFilter) picks(p stream.DeadLetter, now time.Time) bool {
	return (f.Class == "" || f.Class == string(p.Code)) && (f.Since == 0 || now.Sub(p.At) <= f.Since)
}

// ListDeadLetters prints a line per rejected event.
func ListDeadLetters(ctx context.Context, cfg *Config, f DeadLetterFilter, asJSON bool, out io.Writer) error {
	conn, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "SEQUENCE\tPARKED\tSUBJECT\tCODE\tATTEMPTS\tREASON")
	}
	err = conn.DeadLetters(ctx, func(p stream.DeadLetter) error {
		switch {
		case !f.picks(p, time.Now()):
		case asJSON:
			return json.NewEncoder(out).Encode(map[string]any{
				"sequence": p.Sequence, "parkedAt": p.At, "subject": p.Message.Subject, "code": p.Code,
				"attempts": p.Attempts, "reason": p.Reason,
			})
		default:
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\n", p.Sequence, p.At.Format(time.RFC3339), p.Message.Subject, p.Code, p.Attempts, p.Reason)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// ShowDeadLetter prints one rejected event: why, its headers, its bytes. They are
// somebody else's: on a terminal, what would steer it is shown instead of sent.
func ShowDeadLetter(ctx context.Context, cfg *Config, sequence uint64, out io.Writer) error {
	conn, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := conn.DeadLetterAt(ctx, sequence)
	if err != nil {
		return err
	}
	if isTerminal(out) {
		out = escaper{out}
	}
	fmt.Fprintf(out, "parked    %s\nsubject   %s\nfrom      %s %d, stored %s\ncode      %s\nreason    %s\nattempts  %d\n",
		p.At.Format(time.RFC3339), p.Message.Subject, p.Message.Stream, p.Message.Sequence, p.Message.Stored.Format(time.RFC3339),
		p.Code, p.Reason, p.Attempts)
	names := make([]string, 0, len(p.Message.Header))
	for name := range p.Message.Header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(out, "header    %s: %s\n", name, strings.Join(p.Message.Header[name], ", "))
	}
	_, err = fmt.Fprintf(out, "\n%s\n", p.Message.Data)
	return err
}

// latest picks the last dead letter of each message. One that was put back and rejected
// again has another, and to put back both would double them each time.
func latest(ctx context.Context, conn *stream.Conn, f DeadLetterFilter) ([]uint64, error) {
	last := map[string]stream.DeadLetter{}
	err := conn.DeadLetters(ctx, func(p stream.DeadLetter) error {
		last[origin(p.Message)] = p
		return nil
	})
	var picked []uint64
	for _, p := range last {
		if f.picks(p, time.Now()) {
			picked = append(picked, p.Sequence)
		}
	}
	slices.Sort(picked)
	return picked, err
}

// origin names a message over all its replays: by where it was sent and when it was
// stored at first.
func origin(m events.Message) string {
	first := m.Stored.UTC().Format(time.RFC3339Nano)
	for name, values := range m.Header {
		if strings.EqualFold(name, events.HeaderFirstStored) && len(values) > 0 {
			first = values[0]
		}
	}
	return m.Subject + " " + first
}

// ReplayDeadLetters puts rejected events back, to be judged afresh: one by its
// sequence, or all that the filter picks when the sequence is 0.
func ReplayDeadLetters(ctx context.Context, cfg *Config, sequence uint64, f DeadLetterFilter, out io.Writer) error {
	conn, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	sequences := []uint64{sequence}
	if sequence == 0 {
		if sequences, err = latest(ctx, conn, f); err != nil {
			return err
		}
	}
	if len(sequences) == 0 {
		fmt.Fprintln(out, "No such dead letter, nothing is put back.")
	}
	for _, seq := range sequences {
		name, at, err := conn.Replay(ctx, seq)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "dead letter %d is back as %s %d\n", seq, name, at)
	}
	return nil
}

// escaper writes control characters, and bytes that are no text, as Go writes them in a
// string: \x1b. Lines and tabs stay. Each write is whole characters.
type escaper struct{ out io.Writer }

func (e escaper) Write(p []byte) (int, error) {
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
