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

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
)

// DeadLetterSelection selects dead letters to replay or to dismiss: one by its sequence, or all open
// ones that the filter matches.
type DeadLetterSelection struct {
	DeadLetterFilter
	Sequence uint64 // 0 for all that the filter matches
}

// ReplayOptions are those of `lazisync deadletter replay`.
type ReplayOptions struct {
	DeadLetterSelection
	JSON bool // one object a line
}

// replayAnswer is a dead letter that was replayed, and its answer as --json prints it. Its names
// are public.
type replayAnswer struct {
	Sequence   uint64 `json:"sequence"` // of the dead letter
	Stream     string `json:"stream"`   // of the message that was published
	At         uint64 `json:"streamSequence"`
	Answer     string `json:"answer"` // accepted, rejected, none, or published for an event
	WorkflowID string `json:"workflowId,omitempty"`
	DeadLetter uint64 `json:"deadLetter,omitempty"` // of the rejection
	Reason     string `json:"reason,omitempty"`     // likewise

	requestID string
}

// Answers to replays.
const (
	replayAccepted  = "accepted"
	replayRejected  = "rejected"
	replayNoAnswer  = "none"
	replayPublished = "published"
)

// ReplayDeadLetters publishes the messages of dead letters again, on their original subjects, and
// prints the answer to each command. Controls are replayed only by their sequence or by a code that
// only controls have: an old pause would pause what runs now. If a command is rejected again, the
// error has ExitRejected.
func ReplayDeadLetters(ctx context.Context, b Backends, o ReplayOptions, out io.Writer) error {
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	all, err := readDeadLetters(ctx, b, conn)
	if err != nil {
		return err
	}
	selected, controls, err := o.replayable(all, time.Now())
	if err != nil {
		return err
	}
	if !o.JSON {
		if controls > 0 {
			fmt.Fprintf(out, "%s not replayed, since they would act on what runs now; replay one by its sequence\n", display.Count(controls, "control"))
		}
		if len(selected) == 0 {
			fmt.Fprintln(out, "No open dead letter matches, nothing to replay.")
		}
	}
	if len(selected) == 0 {
		return nil
	}
	return replay(ctx, b, conn, selected, o.JSON, out)
}

// replayable returns the dead letters that the selection replays, and the number of controls that it
// leaves out.
func (s DeadLetterSelection) replayable(all []deadLetter, now time.Time) (selected []deadLetter, controls int, err error) {
	for _, d := range all {
		switch {
		case s.Sequence != 0 && d.Sequence != s.Sequence, s.Sequence == 0 && (!d.isOpen() || !s.matches(d.RejectedMessage, now)):
		case s.Sequence == 0 && d.isControl() && !events.RejectCode(s.Code).NamesNothing():
			controls++
		default:
			selected = append(selected, d)
		}
	}
	if s.Sequence != 0 && len(selected) == 0 {
		return nil, 0, fmt.Errorf("dead letter %d: %w", s.Sequence, events.ErrNoDeadLetter)
	}
	return selected, controls, nil
}

// replay publishes dead letters again and waits for the answers.
func replay(ctx context.Context, b Backends, conn Stream, selected []deadLetter, asJSON bool, out io.Writer) error {
	s, err := b.Store(ctx)
	if err == nil {
		defer s.Close()
	} else if !errors.Is(err, ErrNoDatabase) {
		return err
	}
	subscribed, stop := context.WithCancel(ctx)
	defer stop()
	received, deliver := messageQueue(subscribed)
	if err := conn.Subscribe(subscribed, []string{events.Accepted.Subject, events.Rejected.Subject}, stream.StartPosition{}, deliver); err != nil {
		return err
	}
	var published []*replayAnswer
	for _, d := range selected {
		r := &replayAnswer{Sequence: d.Sequence, Answer: replayPublished}
		if r.Stream, r.At, err = conn.Replay(ctx, d.Sequence); err != nil {
			return err
		}
		if d.isCommand() {
			r.Answer, r.requestID = replayNoAnswer, requestIDOf(d.Message)
		}
		published = append(published, r)
		if !asJSON {
			fmt.Fprintf(out, "dead letter %d replayed as %s %d\n", d.Sequence, r.Stream, r.At)
		}
		if s == nil {
			continue
		}
		if err := s.RecordReplay(ctx, d.key(), ledger.Replay{Actor: os.Getenv("USER"), Stream: r.Stream, Sequence: r.At}); err != nil {
			return fmt.Errorf("dead letter %d is replayed, but that is not recorded: %w", d.Sequence, err)
		}
	}
	awaitAnswers(ctx, received, published)
	return printReplays(out, published, asJSON)
}

// awaitAnswers sets the answers to replayed commands, for answerTimeout at most.
func awaitAnswers(ctx context.Context, received <-chan events.Message, published []*replayAnswer) {
	timeout := time.After(answerTimeout)
	for {
		waiting := false
		for _, r := range published {
			waiting = waiting || r.Answer == replayNoAnswer
		}
		if !waiting {
			return
		}
		select {
		case m := <-received:
			if e, err := events.Decode(m); err == nil {
				for _, r := range published {
					r.answer(e)
				}
			}
		case <-timeout:
			return
		case <-ctx.Done():
			return
		}
	}
}

// answer sets the answer if the event is the answer to the replayed message.
func (r *replayAnswer) answer(e events.Event) {
	if r.Answer != replayNoAnswer {
		return
	}
	place := fmt.Sprintf("%s-%d-", r.Stream, r.At)
	if d, err := events.Accepted.Data(e); e.Type() == events.Accepted.Name && err == nil {
		isAnswer := strings.HasPrefix(d.Message, place) || d.Message == "" && d.RequestID == r.requestID
		if isAnswer {
			r.Answer, r.WorkflowID = replayAccepted, d.WorkflowID
		}
	}
	if d, err := events.Rejected.Data(e); e.Type() == events.Rejected.Name && err == nil && strings.HasPrefix(e.ID(), place) {
		r.Answer, r.DeadLetter, r.Reason = replayRejected, d.DeadLetter.Sequence, string(d.Code)+": "+d.Reason
	}
}

func printReplays(out io.Writer, published []*replayAnswer, asJSON bool) error {
	encoder := json.NewEncoder(out)
	rejected := false
	for _, r := range published {
		rejected = rejected || r.Answer == replayRejected
		if asJSON {
			if err := encoder.Encode(r); err != nil {
				return err
			}
			continue
		}
		switch r.Answer {
		case replayAccepted:
			fmt.Fprintf(out, "dead letter %d accepted by %s\n", r.Sequence, r.WorkflowID)
		case replayRejected:
			fmt.Fprintf(out, "dead letter %d rejected again, now dead letter %d: %s\n", r.Sequence, r.DeadLetter, display.OneLine(r.Reason))
		case replayNoAnswer:
			fmt.Fprintf(out, "dead letter %[1]d has no answer yet, see lazisync deadletter show %[1]d\n", r.Sequence)
		}
	}
	if rejected {
		return &ExitError{Code: ExitRejected}
	}
	return nil
}

// DismissOptions are those of `lazisync deadletter dismiss`.
type DismissOptions struct {
	DeadLetterSelection
	Reason string // required
}

// DismissDeadLetters records that dead letters need no action. They stay on the stream and are
// listed with the reason, but are no longer counted.
func DismissDeadLetters(ctx context.Context, b Backends, o DismissOptions, out io.Writer) error {
	conn, err := b.Stream(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	s, err := b.Store(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := readDeadLetters(ctx, b, conn)
	if err != nil {
		return err
	}
	var keys []ledger.DeadLetterKey
	now := time.Now()
	for _, d := range all {
		if d.Sequence == o.Sequence || o.Sequence == 0 && d.isOpen() && o.matches(d.RejectedMessage, now) {
			keys = append(keys, d.key())
		}
	}
	switch {
	case len(keys) == 0 && o.Sequence != 0:
		return fmt.Errorf("dead letter %d: %w", o.Sequence, events.ErrNoDeadLetter)
	case len(keys) == 0:
		_, err := fmt.Fprintln(out, "No open dead letter matches, nothing to dismiss.")
		return err
	}
	if err := s.DismissDeadLetters(ctx, keys, ledger.Dismissal{Actor: os.Getenv("USER"), Reason: o.Reason}); err != nil {
		return err
	}
	for _, k := range keys {
		fmt.Fprintf(out, "dead letter %d dismissed\n", k.Sequence)
	}
	return nil
}
