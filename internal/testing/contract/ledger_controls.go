package contract

import (
	"time"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// controlAndFlag is a result of two values.
type controlAndFlag struct {
	Control ledger.Control
	Flag    bool
}

// controlEvents are the event ids of controls. One of them may be that of a request.
var controlEvents = rapid.SampledFrom([]string{"c1", "c1", "c2", "e1"})

func controlID(t *rapid.T) string { return events.RequestID("/a", controlEvents.Draw(t, "control")) }

func drawControl(t *rapid.T) ledger.Control {
	c := ledger.Control{
		Source: "/a", EventID: controlEvents.Draw(t, "event"),
		Action: rapid.SampledFrom([]events.Action{events.Pause, events.Resume, events.Cancel}).Draw(t, "action"),
		Reason: words.Draw(t, "reason"), Actor: words.Draw(t, "actor"), Sequence: rapid.Uint64Range(1, 3).Draw(t, "sequence"),
	}
	if c.Target = rapid.OneOf(eventIDs, rapid.Just("e\x00")).Draw(t, "target"); rapid.Bool().Draw(t, "by workflow") {
		c.WorkflowID, c.Target = rapid.SampledFrom([]string{"incremental-sync-42", "incremental\x00"}).Draw(t, "workflow"), ""
	}
	c.ID = events.RequestID(c.Source, c.EventID)
	c.Message = events.Message{Subject: events.Control.Subject, Data: []byte("{}"), Stream: "SYNC_COMMANDS", Sequence: c.Sequence}
	return c
}

func (l *ledgers) recordControl(t *rapid.T) { l.record(t, drawControl(t)) }

// repeatControl records one control in several messages, with what may happen between them.
func (l *ledgers) repeatControl(t *rapid.T) {
	c := drawControl(t)
	for range rapid.IntRange(2, 8).Draw(t, "steps") {
		switch rapid.IntRange(0, 4).Draw(t, "step") {
		case 0:
			l.settle(t, ledger.Control{ID: c.ID, State: ledger.ControlRejected, Rejection: &events.Rejection{Code: events.CodeUnknownRun, Reason: "unknown"}})
		case 1:
			l.markAnswered(t, c.ID)
		case 2:
			l.markSignalled(t, c.ID)
		default:
			c.Sequence = rapid.Uint64Range(1, 3).Draw(t, "sequence")
			l.record(t, c)
		}
	}
}

func (l *ledgers) record(t *rapid.T, c ledger.Control) {
	_, _ = call(t, l.pair, "RecordControl "+c.ID, func(p LedgerPort) (r controlAndFlag, err error) {
		r.Control, r.Flag, err = p.RecordControl(l.ctx, c)
		return r, err
	})
	_, _ = call(t, l.pair, "IsControlSignalled "+c.ID, func(p LedgerPort) (bool, error) { return p.IsControlSignalled(l.ctx, c.ID) })
	_, _ = call(t, l.pair, "HasControl "+c.ID, func(p LedgerPort) (bool, error) { return p.HasControl(l.ctx, c.ID) })
}

func (l *ledgers) settleControl(t *rapid.T) {
	c := ledger.Control{ID: controlID(t), State: ledger.ControlApplied}
	if rapid.Bool().Draw(t, "rejected") {
		c.State, c.Rejection = ledger.ControlRejected, &events.Rejection{Code: events.CodeUnknownRun, Reason: "unknown"}
	} else if rapid.IntRange(0, 2).Draw(t, "by an earlier version") > 0 {
		c.Applied = ledger.Applied{WorkflowID: "incremental-sync-42", RunID: firstRuns.Draw(t, "first run")}
	}
	l.settle(t, c)
}

func (l *ledgers) settle(t *rapid.T, c ledger.Control) {
	_, _ = call(t, l.pair, "SettleControl "+c.ID, func(p LedgerPort) (ledger.Control, error) { return p.SettleControl(l.ctx, c) })
	l.listAllControls(t, 0)
}

func (l *ledgers) signalControl(t *rapid.T) { l.markSignalled(t, controlID(t)) }

func (l *ledgers) markSignalled(t *rapid.T, id string) {
	_, _ = call(t, l.pair, "MarkControlSignalled "+id, func(p LedgerPort) (bool, error) { return p.MarkControlSignalled(l.ctx, id) })
}

func (l *ledgers) answerControl(t *rapid.T) { l.markAnswered(t, controlID(t)) }

func (l *ledgers) markAnswered(t *rapid.T, id string) {
	_, _ = call(t, l.pair, "MarkControlAnswered "+id, func(p LedgerPort) (any, error) { return nil, p.MarkControlAnswered(l.ctx, id) })
}

func (l *ledgers) listControls(t *rapid.T) { l.listAllControls(t, ages.Draw(t, "age")) }

func (l *ledgers) listAllControls(t *rapid.T, age time.Duration) {
	_, _ = call(t, l.pair, "UnansweredControls", func(p LedgerPort) ([]ledger.Control, error) { return p.UnansweredControls(l.ctx, age) })
	_, _ = call(t, l.pair, "PendingControls", func(p LedgerPort) ([]ledger.Control, error) { return p.PendingControls(l.ctx) })
}
