package cli

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

// DeadLetterFilter selects dead letters. The zero value selects all.
type DeadLetterFilter struct {
	Class string        // code of the rejection; "" for all
	Since time.Duration // age at most; 0 for all
}

// Check returns an error if the class does not exist or the duration is negative.
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

func (f DeadLetterFilter) matches(p stream.DeadLetter, now time.Time) bool {
	return (f.Class == "" || f.Class == string(p.Code)) && (f.Since == 0 || now.Sub(p.At) <= f.Since)
}

// ListDeadLetters prints a line for each dead letter that the filter selects.
func ListDeadLetters(ctx context.Context, b Backends, f DeadLetterFilter, asJSON bool, out io.Writer) error {
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "SEQUENCE\tREJECTED\tSUBJECT\tCODE\tATTEMPTS\tREASON")
	}
	err = conn.DeadLetters(ctx, func(p stream.DeadLetter) error {
		switch {
		case !f.matches(p, time.Now()):
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

// ShowDeadLetter prints one dead letter: the reason, its headers and its bytes. A terminal
// gets control characters escaped, since anyone with access to NATS may have published the event.
func ShowDeadLetter(ctx context.Context, b Backends, sequence uint64, out io.Writer) error {
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := conn.DeadLetterAt(ctx, sequence)
	if err != nil {
		return err
	}
	if isTerminal(out) {
		out = escapingWriter{out}
	}
	fmt.Fprintf(out, "rejected  %s\nsubject   %s\nfrom      %s %d, stored %s\ncode      %s\nreason    %s\nattempts  %d\n",
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

// latestDeadLetters returns the sequence of the last dead letter of each message. A message
// that was replayed and rejected again has several; replaying all of them would double them
// each time.
func latestDeadLetters(ctx context.Context, conn Stream, f DeadLetterFilter) ([]uint64, error) {
	last := map[string]stream.DeadLetter{}
	err := conn.DeadLetters(ctx, func(p stream.DeadLetter) error {
		last[originalKey(p.Message)] = p
		return nil
	})
	var selected []uint64
	for _, p := range last {
		if f.matches(p, time.Now()) {
			selected = append(selected, p.Sequence)
		}
	}
	slices.Sort(selected)
	return selected, err
}

// originalKey identifies a message across its replays: by its subject and by when it was
// stored first.
func originalKey(m events.Message) string {
	first := m.Stored.UTC().Format(time.RFC3339Nano)
	for name, values := range m.Header {
		if strings.EqualFold(name, events.HeaderFirstStored) && len(values) > 0 {
			first = values[0]
		}
	}
	return m.Subject + " " + first
}

// ReplayDeadLetters publishes dead letters again, on their original subjects: the one with
// the sequence or, if it is 0, all that the filter selects.
func ReplayDeadLetters(ctx context.Context, b Backends, sequence uint64, f DeadLetterFilter, out io.Writer) error {
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	sequences := []uint64{sequence}
	if sequence == 0 {
		if sequences, err = latestDeadLetters(ctx, conn, f); err != nil {
			return err
		}
	}
	if len(sequences) == 0 {
		fmt.Fprintln(out, "No dead letter matches, nothing to replay.")
	}
	for _, seq := range sequences {
		name, at, err := conn.Replay(ctx, seq)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "dead letter %d replayed as %s %d\n", seq, name, at)
	}
	return nil
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
