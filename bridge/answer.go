package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// Answers, as Options.OnAnswer hears of them.
const (
	answerAccepted  = "accepted"
	answerDuplicate = "duplicate"
	answerRejected  = "rejected"
	answerNoTarget  = "no_target" // rejected, since what the control names is not there
)

// Answers are all of them.
var Answers = []string{answerAccepted, answerDuplicate, answerRejected, answerNoTarget}

// accepted makes the answer to a command that is carried out. Its id is derived
// from the command; a duplicate is told apart by the sequence of its message.
func (b *Bridge) accepted(data events.AcceptedData, sequence uint64, traceparent string) (events.Event, error) {
	id := data.RequestID + "/accepted"
	if data.Duplicate {
		id = fmt.Sprintf("%s/duplicate/%d", data.RequestID, sequence)
	}
	return events.Accepted.New(events.Attributes{
		ID: id, Source: ledger.Source, Subject: data.WorkflowID, Time: b.Now().UTC(), TraceParent: traceparent,
	}, data)
}

// refused is a command that can never succeed.
type refused struct {
	message  events.Message
	event    events.Event // as far as it could be read
	kind     events.Kind
	attempts uint64
	why      *events.Rejection
}

// park parks the original of a refused command and tells that it was rejected.
// Doing so again changes nothing.
func (b *Bridge) park(ctx context.Context, r refused) error {
	stream, sequence, err := b.Publisher.DeadLetter(ctx, r.message, *r.why, r.attempts)
	if err != nil {
		return fmt.Errorf("park %s %d on the dead letter stream: %w", r.message.Stream, r.message.Sequence, err)
	}
	failpoint.Hit("bridge/parked")
	event, err := b.rejected(r, events.DeadLetter{Stream: stream, Sequence: sequence})
	if err != nil {
		return err
	}
	if err := b.Publisher.Publish(ctx, event); err != nil {
		return fmt.Errorf("tell that %s %d was rejected: %w", r.message.Stream, r.message.Sequence, err)
	}
	answer := answerRejected
	if r.why.Code.NamesNothing() {
		answer = answerNoTarget
	}
	b.OnAnswer(r.kind, answer)
	b.Logger.Info().Str("stream", r.message.Stream).Uint64("sequence", r.message.Sequence).
		Str("code", string(r.why.Code)).Str("reason", r.why.Reason).Msgf("%s rejected", r.kind)
	return nil
}

// rejected makes the answer to a refused command. Its id is that of the message:
// a replay is another message and is judged, and answered, afresh.
func (b *Bridge) rejected(r refused, where events.DeadLetter) (events.Event, error) {
	m := r.message
	attributes := events.Attributes{
		ID:     m.Place() + "/rejected",
		Source: ledger.Source, Time: b.Now().UTC(), TraceParent: events.TraceParent(r.event),
	}
	data := events.RejectedData{
		Kind: r.kind, Subject: m.Subject, Code: r.why.Code, Reason: r.why.Reason, Errors: r.why.Errors, DeadLetter: where,
	}
	if source, id := r.event.Source(), r.event.ID(); source != "" && id != "" {
		data.RequestID = events.RequestID(source, id)
		data.Event = &events.EventRef{Source: source, ID: id}
	}
	event, err := events.Rejected.New(attributes, data)
	if err == nil {
		return event, nil
	}
	// What the command says of itself may not fit our own event: tell without it.
	attributes.TraceParent, data.RequestID, data.Event = "", "", nil
	event, again := events.Rejected.New(attributes, data)
	if again != nil {
		return events.Event{}, fmt.Errorf("tell that %s %d was rejected: %w", m.Stream, m.Sequence, err)
	}
	return event, nil
}

// reject parks a message, tells so and ends its delivery.
func (b *Bridge) reject(ctx context.Context, m Message, kind events.Kind, event events.Event, why *events.Rejection) error {
	err := b.park(ctx, refused{message: m.Event(), event: event, kind: kind, attempts: m.Deliveries(), why: why})
	if err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/rejected")
	if err := m.Term(why.Reason); err != nil {
		return fmt.Errorf("end the delivery of %s %d: %w", m.Event().Stream, m.Event().Sequence, err)
	}
	return nil
}

// retry has a message delivered again later and returns why.
func (b *Bridge) retry(m Message, why error) error {
	if err := m.Retry(b.RetryDelay(m.Deliveries())); err != nil {
		return errors.Join(why, fmt.Errorf("ask for %s %d again: %w", m.Event().Stream, m.Event().Sequence, err))
	}
	return why
}

// publishOutcome tells how a run ended and marks it as told.
func (b *Bridge) publishOutcome(ctx context.Context, run ledger.Run) error {
	told, err := run.OutcomeEvents()
	if err != nil {
		return err
	}
	if err := errors.Join(b.Publisher.PublishAll(ctx, told)...); err != nil {
		return fmt.Errorf("publish the outcome of run %d: %w", run.Number, err)
	}
	failpoint.Hit("bridge/outcome-published")
	if err := b.Ledger.MarkPublished(ctx, run.Ref()); err != nil {
		return fmt.Errorf("mark the outcome of run %d as published: %w", run.Number, err)
	}
	return nil
}
