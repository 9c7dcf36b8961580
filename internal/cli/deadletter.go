package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// DeadLetterFilter selects dead letters. The zero value selects all.
type DeadLetterFilter struct {
	Code  string        // of the rejection; "" for all
	Since time.Duration // age at most; 0 for all
}

// Check returns an error if the code does not exist or the duration is negative.
func (f DeadLetterFilter) Check() error {
	if f.Since < 0 {
		return fmt.Errorf("--since: got %s, want a duration above 0, such as 24h", f.Since)
	}
	names := RejectCodeNames()
	if f.Code == "" || slices.Contains(names, f.Code) {
		return nil
	}
	want := "one of " + strings.Join(names, ", ")
	if nearest, ok := events.Nearest(f.Code, names); ok {
		want = nearest
	}
	return fmt.Errorf("--code: got %q, want %s", f.Code, want)
}

// RejectCodeNames returns the values of --code.
func RejectCodeNames() []string {
	names := make([]string, len(events.RejectCodes))
	for i, code := range events.RejectCodes {
		names[i] = string(code)
	}
	return names
}

func (f DeadLetterFilter) matches(p events.RejectedMessage, now time.Time) bool {
	return (f.Code == "" || f.Code == string(p.Code)) && (f.Since == 0 || now.Sub(p.At) <= f.Since)
}

// deadLetter is a dead letter with what became of it.
type deadLetter struct {
	events.RejectedMessage
	ledger.Handling
	next    uint64          // sequence of the dead letter of the same message that followed; 0 for none
	receipt *ledger.Receipt // of the replayed request; nil if the ledger does not have it
	control *ledger.Control // of the replayed control; likewise
}

// key identifies the dead letter in the ledger.
func (d deadLetter) key() ledger.DeadLetterKey {
	return ledger.DeadLetterKey{Sequence: d.Sequence, RejectedAt: d.At}.Normalized()
}

// isOpen reports whether the dead letter is neither dismissed nor replayed.
func (d deadLetter) isOpen() bool { return d.state() == deadLetterOpen }

// States of a dead letter, as --json prints them.
const (
	deadLetterOpen      = "open"
	deadLetterDismissed = "dismissed"
	deadLetterReplayed  = "replayed"
)

func (d deadLetter) state() string {
	switch {
	case d.Dismissal != nil:
		return deadLetterDismissed
	case d.Replay != nil || d.next != 0:
		return deadLetterReplayed
	}
	return deadLetterOpen
}

// result says what became of a replay, "" if there was none.
func (d deadLetter) result() string {
	switch {
	case d.next != 0:
		return fmt.Sprintf("dead letter again: %d", d.next)
	case d.Replay == nil:
		return ""
	case d.receipt != nil && d.receipt.Outcome != nil && d.receipt.RunNumber == 0:
		return string(d.receipt.Outcome.State) + " before a run started"
	case d.receipt != nil && d.receipt.Outcome != nil:
		return fmt.Sprintf("run %d %s", d.receipt.RunNumber, d.receipt.Outcome.State)
	case d.receipt != nil && d.receipt.RunNumber != 0:
		return fmt.Sprintf("run %d is open", d.receipt.RunNumber)
	case d.receipt != nil:
		return "accepted, waits for its run"
	case d.control != nil && d.control.State == ledger.ControlApplied:
		return "applied to " + d.control.Applied.WorkflowID
	case d.control != nil && d.control.State == ledger.ControlPending:
		return "waits for its target"
	case d.isCommand():
		return "no answer yet"
	}
	return "published"
}

// isCommand reports whether the original is a command, which the bridge answers.
func (d deadLetter) isCommand() bool {
	return d.Message.Subject == events.Requested.Subject || d.isControl()
}

func (d deadLetter) isControl() bool { return d.Message.Subject == events.Control.Subject }

// readDeadLetters returns all dead letters, oldest first, with what became of them. Without a
// database it is known only of those that were rejected again. If the database cannot be read, the
// error is a handlingError.
func readDeadLetters(ctx context.Context, b Backends, conn Stream) ([]deadLetter, error) {
	var all []deadLetter
	latest := map[string]int{} // index by message
	err := conn.DeadLetters(ctx, func(p events.RejectedMessage) error {
		key := originalKey(p.Message)
		if i, again := latest[key]; again {
			all[i].next = p.Sequence
		}
		latest[key] = len(all)
		all = append(all, deadLetter{RejectedMessage: p})
		return nil
	})
	if err != nil {
		return nil, err
	}
	s, err := b.Store(ctx)
	if errors.Is(err, ErrNoDatabase) {
		return all, nil
	}
	if err != nil {
		return all, &handlingError{err}
	}
	defer s.Close()
	ctx, stop := context.WithTimeout(ctx, handlingTimeout)
	defer stop()
	if err := addHandling(ctx, s, all); err != nil {
		return all, &handlingError{err}
	}
	return all, nil
}

// handlingTimeout bounds how long an unavailable database delays a list of dead letters.
const handlingTimeout = 10 * time.Second

// handlingError means that the dead letters were read, but not what became of them.
type handlingError struct{ cause error }

func (e *handlingError) Error() string {
	return "what became of the dead letters is unknown: " + e.cause.Error()
}

func (e *handlingError) Unwrap() error { return e.cause }

// addHandling adds what the ledger knows about dead letters.
func addHandling(ctx context.Context, s Store, all []deadLetter) error {
	keys := make([]ledger.DeadLetterKey, len(all))
	for i := range all {
		keys[i] = all[i].key()
	}
	handlings, err := s.Handlings(ctx, keys)
	if err != nil {
		return err
	}
	var ids []string // of replayed commands
	for i := range all {
		all[i].Handling = handlings[keys[i]]
		if all[i].Replay != nil {
			ids = append(ids, requestIDOf(all[i].Message))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	receipts, err := s.Receipts(ctx, ids)
	if err != nil {
		return err
	}
	controls, err := s.Controls(ctx, ids)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Replay == nil {
			continue
		}
		id := requestIDOf(all[i].Message)
		if r, ok := receipts[id]; ok {
			all[i].receipt = &r
		}
		if c, ok := controls[id]; ok {
			all[i].control = &c
		}
	}
	return nil
}

// requestIDOf returns the request ID of a command, "" if it cannot be decoded.
func requestIDOf(m events.Message) string {
	e, err := events.Decode(m)
	if err != nil {
		return ""
	}
	return events.RequestID(e.Source(), e.ID())
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
