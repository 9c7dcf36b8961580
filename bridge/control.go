package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// HandleControl carries out one sync.control and settles its message. Controls
// come one after another, in the order of their stream.
//
// A control of a request that has not come is kept in the ledger and applied when
// the request is accepted; the reconciler rejects it when none comes.
func (b *Bridge) HandleControl(ctx context.Context, m Message) error {
	if err := b.VerifyNamespace(ctx); err != nil {
		return err
	}
	event, control, err := b.control(m.Event())
	var why *events.Rejection
	if errors.As(err, &why) {
		return b.reject(ctx, m, events.KindControl, event, why)
	}
	if err != nil {
		return b.retry(m, fmt.Errorf("read control %s %d: %w", m.Event().Stream, m.Event().Sequence, err))
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
	failpoint.Hit("bridge/control-recorded")
	if recorded.State != ledger.ControlPending {
		return b.answerSettled(ctx, m, event, recorded)
	}
	v, err := b.apply(ctx, recorded)
	if err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/control-signalled")
	return b.conclude(ctx, m, event, recorded, v)
}

func sameControl(a, b ledger.Control) bool {
	return a.Action == b.Action && a.WorkflowID == b.WorkflowID && a.Target == b.Target
}

// conclude settles a control and its message. The ledger comes first: from then on
// the redelivered message is answered the same way, also by another bridge that has it.
func (b *Bridge) conclude(ctx context.Context, m Message, event events.Event, c ledger.Control, v verdict) error {
	if v.state == ledger.ControlPending {
		return acknowledge(ctx, m)
	}
	stands, err := b.settleControl(ctx, c, v)
	if err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/control-settled")
	return errors.Join(b.answerSettled(ctx, m, event, stands), b.publishWithdrawal(ctx, v))
}

// answerSettled answers the message of a control that is settled, and settles it. Only
// another message than the one that brought the control is a duplicate.
func (b *Bridge) answerSettled(ctx context.Context, m Message, event events.Event, c ledger.Control) error {
	if c.State == ledger.ControlRejected {
		if err := b.reject(ctx, m, events.KindControl, event, c.Rejection); err != nil {
			return err
		}
		return b.markAnswered(ctx, c)
	}
	message := m.Event()
	duplicate := message.Place() != c.Message.Place()
	if err := b.acceptControl(ctx, c, message, duplicate, events.TraceParent(event)); err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/control-told")
	if !duplicate {
		if err := b.markAnswered(ctx, c); err != nil {
			return b.retry(m, err)
		}
	}
	return acknowledge(ctx, m)
}

// concludeParked settles a control whose message is long acknowledged, and answers it.
func (b *Bridge) concludeParked(ctx context.Context, c ledger.Control, v verdict) error {
	if v.state == ledger.ControlPending {
		return nil
	}
	stands, err := b.settleControl(ctx, c, v)
	if err != nil {
		return err
	}
	failpoint.Hit("bridge/control-settled")
	return errors.Join(b.answerParked(ctx, stands), b.publishWithdrawal(ctx, v))
}

// answerParked answers a control that is settled and whose message is long acknowledged.
func (b *Bridge) answerParked(ctx context.Context, c ledger.Control) error {
	event, _ := events.Decode(c.Message) // it was decoded before it was recorded
	var err error
	if c.State == ledger.ControlRejected {
		err = b.park(ctx, refused{message: c.Message, event: event, kind: events.KindControl, attempts: 1, why: c.Rejection})
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

func (b *Bridge) settleControl(ctx context.Context, c ledger.Control, v verdict) (stands ledger.Control, err error) {
	c.State, c.Rejection, c.Applied = v.state, v.why, ledger.Applied{WorkflowID: v.workflowID, RunID: v.runID}
	if stands, err = b.Ledger.SettleControl(ctx, c); err != nil {
		return stands, fmt.Errorf("settle control %s as %s: %w", c.ID, v.state, err)
	}
	return stands, nil
}

// publishWithdrawal publishes the outcome of what a control withdrew, if it did. The
// reconciler does so where this does not come to it.
func (b *Bridge) publishWithdrawal(ctx context.Context, v verdict) error {
	if v.outcome == nil {
		return nil
	}
	return b.publishOutcome(ctx, *v.outcome)
}

// applied says what a control was applied to. A control that an earlier version settled
// does not say so itself.
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
		return ledger.Applied{WorkflowID: c.Target}, nil // the ledger may have forgotten the request
	}
	return ledger.Applied{WorkflowID: found[0].WorkflowID, RunID: found[0].FirstRunID}, nil
}

// acceptControl publishes the answer to a message that brought an applied control.
func (b *Bridge) acceptControl(ctx context.Context, c ledger.Control, message events.Message, duplicate bool, traceparent string) error {
	applied, err := b.applied(ctx, c)
	if err != nil {
		return err
	}
	event, err := b.accepted(events.AcceptedData{
		Kind: events.KindControl, RequestID: c.ID, Event: events.EventRef{Source: c.Source, ID: c.EventID},
		WorkflowID: applied.WorkflowID, RunID: applied.RunID, Duplicate: duplicate, Message: message.Place(),
	}, message.Sequence, traceparent)
	if err != nil {
		return err
	}
	if err := b.Publisher.Publish(ctx, event); err != nil {
		return fmt.Errorf("tell that control %s is accepted: %w", c.ID, err)
	}
	answer := answerAccepted
	if duplicate {
		answer = answerDuplicate
	}
	b.OnAnswer(events.KindControl, answer)
	return nil
}
