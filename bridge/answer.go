package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// Kinds of answers, passed to Recorder.Answered.
const (
	answerAccepted  = "accepted"
	answerDuplicate = "duplicate"
	answerRejected  = "rejected"
	answerNoTarget  = "no_target" // rejected, because the target of the control does not exist
)

// Answers lists the kinds of answers.
var Answers = []string{answerAccepted, answerDuplicate, answerRejected, answerNoTarget}

// acceptedEvent returns the answer to a command that is carried out. Its id is derived from
// the command; that of a duplicate also from the sequence of its message.
func (b *Bridge) acceptedEvent(data events.AcceptedData, sequence uint64, traceparent string) (events.Event, error) {
	id := data.RequestID + "/accepted"
	if data.Duplicate {
		id = fmt.Sprintf("%s/duplicate/%d", data.RequestID, sequence)
	}
	return events.Accepted.New(events.Attributes{
		ID: id, Source: ledger.Source, Subject: data.WorkflowID, Time: b.Now().UTC(), TraceParent: traceparent,
	}, data)
}

// rejectedCommand is a command that can never succeed.
type rejectedCommand struct {
	message   events.Message
	event     events.Event // as much of it as could be decoded
	kind      events.Kind
	attempts  uint64
	rejection *events.Rejection
}

// deadLetter writes a rejected command to the dead-letter stream and publishes
// sync.rejected. It is idempotent.
func (b *Bridge) deadLetter(ctx context.Context, r rejectedCommand) error {
	stream, sequence, err := b.Publisher.DeadLetter(ctx, r.message, *r.rejection, r.attempts)
	if err != nil {
		return deadLetterError(r.message, err)
	}
	failpoint.Hit("bridge/dead-lettered")
	event, err := b.rejectedEvent(r, events.DeadLetter{Stream: stream, Sequence: sequence})
	if err != nil {
		return err
	}
	if err := b.Publisher.Publish(ctx, event); err != nil {
		return fmt.Errorf("publish the rejection of %s: %w", place(r.message), err)
	}
	answer := answerRejected
	if r.rejection.Code.NamesNothing() {
		answer = answerNoTarget
	}
	b.Recorder.Answered(r.kind, modeOf(r.event), answer)
	b.Logger.Info().Str("stream", r.message.Stream).Uint64("sequence", r.message.Sequence).
		Str("code", string(r.rejection.Code)).Str("reason", r.rejection.Reason).Msgf("%s rejected", r.kind)
	return nil
}

// modeOf returns the mode that a request names, "" if it cannot be read.
func modeOf(event events.Event) events.Mode {
	var data struct {
		Mode events.Mode `json:"mode"`
	}
	if json.Unmarshal(event.Data(), &data) != nil {
		return ""
	}
	return data.Mode
}

func deadLetterError(m events.Message, err error) error {
	return fmt.Errorf("dead-letter %s: %w", place(m), err)
}

// place names a message in errors.
func place(m events.Message) string { return fmt.Sprintf("message %d of %s", m.Sequence, m.Stream) }

// rejectedEvent returns the answer to a rejected command. Its id is derived from the
// message: a replayed command is another message, which gets its own result and answer.
func (b *Bridge) rejectedEvent(r rejectedCommand, deadLetter events.DeadLetter) (events.Event, error) {
	m := r.message
	attributes := events.Attributes{
		ID:     m.Place() + "/rejected",
		Source: ledger.Source, Time: b.Now().UTC(), TraceParent: events.TraceParent(r.event),
	}
	data := events.RejectedData{
		Kind: r.kind, Subject: m.Subject, Code: r.rejection.Code, Reason: r.rejection.Reason, Errors: r.rejection.Errors, DeadLetter: deadLetter,
	}
	if source, id := r.event.Source(), r.event.ID(); source != "" && id != "" {
		data.RequestID = events.RequestID(source, id)
		data.Event = &events.EventRef{Source: source, ID: id}
	}
	event, err := events.Rejected.New(attributes, data)
	if err == nil {
		err = events.Check(event)
	}
	if err != nil { // the identity of a malformed command may be invalid in an answer: omit it
		attributes.TraceParent, data.RequestID, data.Event = "", "", nil
		event, err = events.Rejected.New(attributes, data)
	}
	if err != nil {
		return events.Event{}, fmt.Errorf("create the rejection of %s: %w", place(m), err)
	}
	return event, nil
}

// reject dead-letters the command of a delivery, answers it and ends the delivery.
func (b *Bridge) reject(ctx context.Context, m Message, kind events.Kind, event events.Event, rejection *events.Rejection) error {
	err := b.deadLetter(ctx, rejectedCommand{message: m.Event(), event: event, kind: kind, attempts: m.Deliveries(), rejection: rejection})
	if err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/rejected")
	if err := m.Term(rejection.Reason); err != nil {
		return fmt.Errorf("terminate the delivery of %s: %w", place(m.Event()), err)
	}
	return nil
}

// retry requests a redelivery with backoff and returns its cause.
func (b *Bridge) retry(m Message, cause error) error {
	if err := m.Retry(b.RetryDelay(m.Deliveries())); err != nil {
		return errors.Join(cause, fmt.Errorf("request a redelivery of %s: %w", place(m.Event()), err))
	}
	return cause
}

func acknowledge(ctx context.Context, m Message) error {
	if err := m.Ack(ctx); err != nil {
		return fmt.Errorf("acknowledge %s: %w", place(m.Event()), err)
	}
	return nil
}

// publishOutcome publishes the outcome of a run and marks it as published.
func (b *Bridge) publishOutcome(ctx context.Context, run ledger.Run) error {
	outcome, err := run.OutcomeEvents()
	if err != nil {
		return err
	}
	if err := errors.Join(b.Publisher.PublishAll(ctx, outcome)...); err != nil {
		return fmt.Errorf("publish the outcome of run %d: %w", run.Number, err)
	}
	failpoint.Hit("bridge/outcome-published")
	if err := b.Ledger.MarkPublished(ctx, run.Ref()); err != nil {
		return fmt.Errorf("mark the outcome of run %d as published: %w", run.Number, err)
	}
	return nil
}

// joinUnique joins errors and drops those with the same text.
func joinUnique(errs []error) error {
	seen := map[string]bool{}
	var unique []error
	for _, err := range errs {
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			unique = append(unique, err)
		}
	}
	return errors.Join(unique...)
}
