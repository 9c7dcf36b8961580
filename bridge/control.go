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
	switch recorded.State {
	case ledger.ControlApplied:
		return b.answerAgain(ctx, m, event, recorded)
	case ledger.ControlRejected:
		return b.reject(ctx, m, events.KindControl, event, recorded.Rejection)
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
	switch rejected := stands.State == ledger.ControlRejected; { // perhaps by another bridge that had the message too
	case rejected && v.state == ledger.ControlRejected:
		return b.reject(ctx, m, events.KindControl, event, v.why)
	case rejected:
		return b.reject(ctx, m, events.KindControl, event, stands.Rejection)
	case v.state == ledger.ControlRejected:
		return b.answerAgain(ctx, m, event, stands)
	}
	if err := b.tellApplied(ctx, c, v, events.TraceParent(event)); err != nil {
		return b.retry(m, err)
	}
	failpoint.Hit("bridge/control-told")
	return acknowledge(ctx, m)
}

// concludeParked settles a control whose message is long acknowledged. Telling
// comes first: what the ledger holds as pending is tried again.
func (b *Bridge) concludeParked(ctx context.Context, c ledger.Control, v verdict) error {
	event, _ := events.Decode(c.Message) // it was decoded before it was recorded
	switch v.state {
	case ledger.ControlPending:
		return nil
	case ledger.ControlRejected:
		parked := refused{message: c.Message, event: event, kind: events.KindControl, attempts: 1, why: v.why}
		if err := b.park(ctx, parked); err != nil {
			return err
		}
	case ledger.ControlApplied:
		if err := b.tellApplied(ctx, c, v, events.TraceParent(event)); err != nil {
			return err
		}
	}
	_, err := b.settleControl(ctx, c, v)
	return err
}

func (b *Bridge) settleControl(ctx context.Context, c ledger.Control, v verdict) (stands ledger.Control, err error) {
	if stands, err = b.Ledger.SettleControl(ctx, c.ID, v.state, v.why); err != nil {
		return stands, fmt.Errorf("settle control %s as %s: %w", c.ID, v.state, err)
	}
	return stands, nil
}

// tellApplied publishes sync.accepted for a control and, where it decided one, the
// outcome of what it withdrew.
func (b *Bridge) tellApplied(ctx context.Context, c ledger.Control, v verdict, traceparent string) error {
	if err := b.acceptControl(ctx, c, v, false, c.Sequence, traceparent); err != nil {
		return err
	}
	if v.outcome == nil {
		return nil
	}
	return b.publishOutcome(ctx, *v.outcome)
}

// answerAgain answers the repetition of a control that was applied.
func (b *Bridge) answerAgain(ctx context.Context, m Message, event events.Event, c ledger.Control) error {
	v := verdict{workflowID: c.WorkflowID}
	if v.workflowID == "" {
		found, err := b.Ledger.FindRequests(ctx, c.Target)
		if err != nil {
			return b.retry(m, fmt.Errorf("find request %q: %w", c.Target, err))
		}
		v.workflowID = c.Target // the ledger may have forgotten the request
		if len(found) > 0 {
			v.workflowID, v.runID = found[0].WorkflowID, found[0].FirstRunID
		}
	}
	if err := b.acceptControl(ctx, c, v, true, m.Event().Sequence, events.TraceParent(event)); err != nil {
		return b.retry(m, err)
	}
	return acknowledge(ctx, m)
}

func (b *Bridge) acceptControl(ctx context.Context, c ledger.Control, v verdict, duplicate bool, sequence uint64, traceparent string) error {
	event, err := b.accepted(events.AcceptedData{
		Kind: events.KindControl, RequestID: c.ID, Event: events.EventRef{Source: c.Source, ID: c.EventID},
		WorkflowID: v.workflowID, RunID: v.runID, Duplicate: duplicate,
	}, sequence, traceparent)
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
	b.Answered(events.KindControl, answer)
	return nil
}
