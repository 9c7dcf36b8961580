package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// HandleControl processes one sync.control and settles its message. Controls must be
// handled one at a time, in the order of their stream.
//
// A control whose request has not arrived stays pending in the ledger and is applied once
// the request is accepted. The reconciler rejects it if none arrives within Options.Grace.
func (b *Bridge) HandleControl(ctx context.Context, m Message) error {
	if err := b.VerifyNamespace(ctx); err != nil {
		return err
	}
	ctx = m.Context(ctx)
	event, control, err := b.decodeControl(m.Event())
	if rejection, ok := errors.AsType[*events.Rejection](err); ok {
		return b.reject(ctx, m, events.KindControl, event, rejection)
	}
	if err != nil {
		return b.retry(m, fmt.Errorf("decode %s: %w", place(m.Event()), err))
	}
	recorded, repeated, err := b.Ledger.RecordControl(ctx, control)
	if errors.Is(err, ledger.ErrConflict) {
		return b.reject(ctx, m, events.KindControl, event, conflict(control.EventID))
	}
	if err != nil {
		return b.retry(m, fmt.Errorf("record control %s: %w", control.ID, err))
	}
	if repeated && !sameControl(recorded, control) {
		return b.reject(ctx, m, events.KindControl, event, conflict(control.EventID))
	}
	if repeated && control.Sequence < recorded.Sequence && m.Deliveries() > 1 {
		return acknowledge(ctx, m) // it was rejected and answered; the ledger has the message that replayed it
	}
	failpoint.Hit("bridge/control-recorded")
	if recorded.State != ledger.ControlPending {
		return b.answerDelivery(ctx, m, event, recorded)
	}
	if err := b.applyEarlierControls(ctx, recorded); err != nil {
		return b.retry(m, err)
	}
	result, err := b.applyControl(ctx, recorded)
	if err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/control-signalled")
	return b.settleDelivery(ctx, m, event, recorded, result)
}

func sameControl(a, b ledger.Control) bool {
	return a.Action == b.Action && a.WorkflowID == b.WorkflowID && a.Target == b.Target
}

// settleDelivery settles a control in the ledger, then its message. With that order a
// redelivery gets the same answer, also from another bridge.
func (b *Bridge) settleDelivery(ctx context.Context, m Message, event events.Event, c ledger.Control, result controlResult) error {
	message := m.Event()
	if result.state == ledger.ControlPending && message.Place() != c.Message.Place() {
		return b.retryRepeated(m)
	}
	if result.state == ledger.ControlPending {
		return acknowledge(ctx, m)
	}
	settled, err := b.settleControl(ctx, c, result)
	if err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/control-settled")
	return errors.Join(b.answerDelivery(ctx, m, event, settled), b.publishWithdrawal(ctx, result))
}

// retryRepeated requests a redelivery of a message that repeats a pending control. The ledger has only
// the message that brought the control, so that the repetition would have no answer. Later controls
// wait for it, until the control is settled.
func (b *Bridge) retryRepeated(m Message) error {
	if err := m.Retry(min(b.RetryDelay(m.Deliveries()), b.Grace)); err != nil {
		return fmt.Errorf("request a redelivery of %s: %w", place(m.Event()), err)
	}
	return nil
}

// answerDelivery answers the message of a settled control and settles the message. Only
// another message than the one that brought the control is a duplicate.
func (b *Bridge) answerDelivery(ctx context.Context, m Message, event events.Event, c ledger.Control) error {
	message := m.Event()
	duplicate := message.Place() != c.Message.Place()
	if c.State == ledger.ControlRejected {
		if err := b.reject(ctx, m, events.KindControl, event, c.Rejection); err != nil || duplicate {
			return err
		}
		return b.markAnswered(ctx, c)
	}
	if err := b.acceptControl(ctx, c, message, duplicate, events.TraceParent(event)); err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/control-answered")
	if !duplicate {
		if err := b.markAnswered(ctx, c); err != nil {
			return b.retry(m, err)
		}
	}
	return acknowledge(ctx, m)
}

// settlePending settles and answers a control whose message is already acknowledged.
func (b *Bridge) settlePending(ctx context.Context, c ledger.Control, result controlResult) error {
	if result.state == ledger.ControlPending {
		return nil
	}
	settled, err := b.settleControl(ctx, c, result)
	if err != nil {
		return err
	}
	failpoint.Hit("bridge/control-settled")
	return errors.Join(b.answerControl(ctx, settled), b.publishWithdrawal(ctx, result))
}

// answerControl answers a settled control whose message is already acknowledged.
func (b *Bridge) answerControl(ctx context.Context, c ledger.Control) error {
	event, _ := events.Decode(c.Message) // it was decoded before it was recorded
	var err error
	if c.State == ledger.ControlRejected {
		err = b.deadLetter(ctx, rejectedCommand{message: c.Message, event: event, kind: events.KindControl, attempts: 1, rejection: c.Rejection})
	} else {
		err = b.acceptControl(ctx, c, c.Message, false, events.TraceParent(event))
	}
	if err != nil {
		return err
	}
	return b.markAnswered(ctx, c)
}

func (b *Bridge) markAnswered(ctx context.Context, c ledger.Control) error {
	if err := b.Ledger.MarkControlAnswered(ctx, c.ID); err != nil {
		return fmt.Errorf("mark control %s as answered: %w", c.ID, err)
	}
	return nil
}

func (b *Bridge) settleControl(ctx context.Context, c ledger.Control, result controlResult) (settled ledger.Control, err error) {
	c.State, c.Rejection = result.state, result.rejection
	c.Applied = ledger.Applied{WorkflowID: result.workflowID, RunID: result.runID}
	if settled, err = b.Ledger.SettleControl(ctx, c); err != nil {
		return settled, fmt.Errorf("settle control %s as %s: %w", c.ID, result.state, err)
	}
	return settled, nil
}

// publishWithdrawal publishes the outcome of the request that a control cancelled, if any.
// If that fails, the reconciler publishes it.
func (b *Bridge) publishWithdrawal(ctx context.Context, result controlResult) error {
	if result.withdrawal == nil {
		return nil
	}
	return b.publishOutcome(ctx, *result.withdrawal)
}

// applied returns what a control was applied to. Controls settled by earlier versions do not
// record it.
func (b *Bridge) applied(ctx context.Context, c ledger.Control) (ledger.Applied, error) {
	if c.Applied.WorkflowID != "" {
		return c.Applied, nil
	}
	if c.WorkflowID != "" {
		return ledger.Applied{WorkflowID: c.WorkflowID}, nil
	}
	found, err := b.Ledger.FindRequests(ctx, c.Target)
	if err != nil {
		return ledger.Applied{}, fmt.Errorf("find request %q: %w", c.Target, err)
	}
	if len(found) == 0 {
		return ledger.Applied{WorkflowID: c.Target}, nil // the request was pruned
	}
	return ledger.Applied{WorkflowID: found[0].WorkflowID, RunID: found[0].FirstRunID}, nil
}

// acceptControl publishes sync.accepted for a message that brought an applied control.
func (b *Bridge) acceptControl(ctx context.Context, c ledger.Control, message events.Message, duplicate bool, traceparent string) error {
	applied, err := b.applied(ctx, c)
	if err != nil {
		return err
	}
	event, err := b.acceptedEvent(events.AcceptedData{
		Kind: events.KindControl, RequestID: c.ID, Event: events.EventRef{Source: c.Source, ID: c.EventID},
		WorkflowID: applied.WorkflowID, RunID: applied.RunID, Duplicate: duplicate, Message: message.Place(),
	}, message.Sequence, traceparent)
	if err != nil {
		return err
	}
	if err := b.Publisher.Publish(ctx, event); err != nil {
		return fmt.Errorf("publish the acceptance of control %s: %w", c.ID, err)
	}
	answer := answerAccepted
	if duplicate {
		answer = answerDuplicate
	}
	b.Recorder.Answered(events.KindControl, "", answer)
	return nil
}
