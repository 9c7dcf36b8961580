package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/ledger"
)

// RecordControl records a control as pending, or returns the recorded one.
func (l *Ledger) RecordControl(_ context.Context, c ledger.Control) (held ledger.Control, repeated bool, err error) {
	err = l.write("RecordControl", c.ID, func() error {
		c.Source, c.EventID, c.WorkflowID, c.Target = text(c.Source), text(c.EventID), text(c.WorkflowID), text(c.Target)
		old, known := l.state.controls[c.ID]
		_, isRequest := l.state.requests[c.ID]
		later := max(old.Sequence, old.repeatedSequence) < c.Sequence &&
			old.Action == c.Action && old.WorkflowID == c.WorkflowID && old.Target == c.Target
		replayed := later && old.State == ledger.ControlRejected && old.Answered
		switch {
		case isRequest:
			return ledger.ErrConflict
		case known && !replayed:
			if later {
				old.repeatedSequence = c.Sequence
				l.state.controls[c.ID] = old
			}
			held, repeated = old.Control, true
			return nil
		}
		c.Reason, c.Actor = text(c.Reason), text(c.Actor)
		c.State, c.Rejection, c.Applied, c.Answered, c.ReceivedAt = ledger.ControlPending, nil, ledger.Applied{}, false, l.now()
		l.state.controls[c.ID], held = control{Control: c}, c
		return nil
	})
	return held, repeated, err
}

// HasControl reports whether a control was recorded.
func (l *Ledger) HasControl(_ context.Context, id string) (has bool, err error) {
	err = l.read("HasControl", id, func() error {
		_, has = l.state.controls[id]
		return nil
	})
	return has, err
}

// MarkControlSignalled records that the signal of a control is sent.
func (l *Ledger) MarkControlSignalled(_ context.Context, id string) (first bool, err error) {
	err = l.write("MarkControlSignalled", id, func() error {
		c, known := l.state.controls[id]
		if first = known && !c.signalled; first {
			c.signalled = true
			l.state.controls[id] = c
		}
		return nil
	})
	return first, err
}

// IsControlSignalled reports whether the signal of a control may have been sent.
func (l *Ledger) IsControlSignalled(_ context.Context, id string) (signalled bool, err error) {
	err = l.read("IsControlSignalled", id, func() error {
		signalled = l.state.controls[id].signalled
		return nil
	})
	return signalled, err
}

// HasOpenRequest reports whether a workflow has a request without an outcome that was published until a time
// in ns.
func (l *Ledger) HasOpenRequest(_ context.Context, workflowID string, until uint64) (has bool, err error) {
	err = l.read("HasOpenRequest", workflowID, func() error {
		workflowID = text(workflowID)
		has = len(l.requestsWhere(func(q ledger.Request) bool {
			isOpen := q.RunNumber == 0 || l.state.runs[q.RunNumber].State == ledger.Running
			return q.WorkflowID == workflowID && isOpen && q.IsPublishedUntil(until)
		})) > 0
		return nil
	})
	return has, err
}

// SettleControl settles a pending control and returns it. A settled one is returned unchanged.
func (l *Ledger) SettleControl(_ context.Context, c ledger.Control) (settled ledger.Control, err error) {
	err = l.write("SettleControl", c.ID+" "+string(c.State), func() error {
		held, known := l.state.controls[c.ID]
		if !known {
			return ledger.ErrUnknown
		}
		if held.State == ledger.ControlPending {
			held.State, held.Rejection, held.Applied, held.settledAt = c.State, c.Rejection, c.Applied, l.now()
			l.state.controls[c.ID] = held
		}
		settled = held.Control
		return nil
	})
	return settled, err
}

// MarkControlAnswered records that the answer of a control is published.
func (l *Ledger) MarkControlAnswered(_ context.Context, id string) error {
	return l.write("MarkControlAnswered", id, func() error {
		if c, known := l.state.controls[id]; known {
			c.Answered = true
			l.state.controls[id] = c
		}
		return nil
	})
}

// UnansweredControls lists controls that were settled longer than an age ago and are not marked as
// answered.
func (l *Ledger) UnansweredControls(_ context.Context, olderThan time.Duration) (found []ledger.Control, err error) {
	err = l.read("UnansweredControls", "", func() error {
		found = l.controlsWhere(func(c control) bool {
			return !c.Answered && (c.State == ledger.ControlRejected || c.State == ledger.ControlApplied && c.Applied.WorkflowID != "") &&
				l.isOlder(c.settledAt, olderThan)
		})
		return nil
	})
	return found, err
}

// PendingControls lists controls that wait for their target, in the order in which they apply.
func (l *Ledger) PendingControls(context.Context) (found []ledger.Control, err error) {
	err = l.read("PendingControls", "", func() error {
		found = l.controlsWhere(func(c control) bool { return c.State == ledger.ControlPending })
		return nil
	})
	return found, err
}

// controlsWhere lists controls in the order of their events.
func (d *Database) controlsWhere(is func(control) bool) (found []ledger.Control) {
	for _, c := range d.state.controls {
		if is(c) {
			found = append(found, c.Control)
		}
	}
	slices.SortFunc(found, func(a, b ledger.Control) int {
		return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), strings.Compare(a.ID, b.ID))
	})
	return found
}
