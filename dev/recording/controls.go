package recording

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// controlRow is a row of raw.sync_controls.
type controlRow struct {
	ID         string              `json:"control_id"`
	Action     events.Action       `json:"action"`
	WorkflowID string              `json:"workflow_id"` // that it names
	Sequence   int64               `json:"sequence"`
	State      ledger.ControlState `json:"state"`
	Rejection  json.RawMessage     `json:"rejection"`
	AppliedTo  string              `json:"applied_workflow_id"`
	AnsweredAt *string             `json:"answered_at"`
}

// target returns the workflow ID that the control names or was applied to, "" if neither is known.
func (r controlRow) target() string { return cmp.Or(r.AppliedTo, r.WorkflowID) }

// control is a control with the times of its changes.
type control struct {
	controlRow
	applied, rejected time.Time // first
	change            int64     // that settled it
}

// command is a published sync.control.
type command struct {
	stored time.Time
	action events.Action
	reason string
}

// announcement is a sync.paused or sync.resumed.
type announcement struct {
	event   Event
	ordinal int
	paused  bool
	reason  string
	run     int64
}

func (a announcement) action() events.Action {
	if a.paused {
		return events.Pause
	}
	return events.Resume
}

func (c *check) applyControl(change Change, before, after *controlRow) {
	if after == nil {
		if before.State == ledger.ControlPending {
			c.find(change, ControlOnce, "control "+before.ID, "control %s was deleted while it was pending", before.ID)
		}
		delete(c.controls, before.ID)
		return
	}
	one := c.controls[after.ID]
	if one == nil {
		one = &control{}
		c.controls[after.ID] = one
	}
	if before != nil {
		c.updateControl(change, before, after)
	}
	one.controlRow = *after
	if after.State != ledger.ControlPending && (before == nil || before.State == ledger.ControlPending) {
		c.settle(change, one)
	}
}

func (c *check) updateControl(change Change, before, after *controlRow) {
	replayed := before.State == ledger.ControlRejected && after.State == ledger.ControlPending
	switch {
	case before.State == ledger.ControlPending:
	case replayed && after.Sequence > before.Sequence && before.AnsweredAt != nil:
	case replayed:
		c.find(change, ControlOnce, "control "+after.ID, "control %s was rejected and is pending again without a later message", after.ID)
	case before.State != after.State || before.AppliedTo != after.AppliedTo || !bytes.Equal(before.Rejection, after.Rejection):
		c.find(change, ControlOnce, "control "+after.ID, "control %s was settled twice: %s by change %d, %s by change %d",
			after.ID, before.State, c.controls[after.ID].change, after.State, change.Number)
	}
}

// settle checks the order of controls that name a workflow. One that names a request may wait for it.
func (c *check) settle(change Change, one *control) {
	one.change = change.Number
	switch {
	case one.State == ledger.ControlApplied && one.applied.IsZero():
		one.applied = change.At
	case one.State == ledger.ControlRejected && one.rejected.IsZero():
		one.rejected = change.At
	}
	if one.WorkflowID == "" {
		return
	}
	last := c.settled[one.WorkflowID]
	if last != nil && one.Sequence < last.Sequence {
		c.find(change, ControlOrder, "workflow "+one.WorkflowID, "control %s (%s) was %s after control %s (%s), which is later in the stream",
			one.ID, one.Action, one.State, last.ID, last.Action)
		return
	}
	c.settled[one.WorkflowID] = one
}

// checkControlOrder checks that the pauses and resumes of each workflow are those of its controls in the order
// of the stream, and that none is left out. An event does not have the ID of its control, only the reason: controls
// with the same reason are not checked.
func (c *check) checkControlOrder() {
	byReason := map[string]string{}
	for id, command := range c.commands {
		if _, ambiguous := byReason[command.reason]; ambiguous {
			id = ""
		}
		byReason[command.reason] = id
	}
	for _, workflowID := range slices.Sorted(maps.Keys(c.announced)) {
		all := slices.SortedStableFunc(slices.Values(c.announced[workflowID]), func(a, b announcement) int {
			return cmp.Or(cmp.Compare(a.run, b.run), cmp.Compare(a.ordinal, b.ordinal))
		})
		ids := make([]string, len(all))
		known := true
		for i, a := range all {
			ids[i] = byReason[a.reason]
			known = known && ids[i] != ""
		}
		if c.inOrder(workflowID, all, ids) && known && !workflows.ServesTenant(workflowID) {
			c.complete(workflowID, all, ids)
		}
	}
}

// inOrder reports whether no pause or resume is of an earlier control than the one before it, and adds a violation
// for each that is. Two of them may be of the same control: a pass that begins paused repeats the pause of the pass
// before it.
func (c *check) inOrder(workflowID string, all []announcement, ids []string) (yes bool) {
	yes = true
	last := -1
	for i, a := range all {
		if ids[i] == "" {
			continue
		}
		of := c.commands[ids[i]]
		switch {
		case of.action != a.action():
			c.findEvent(a.event, ControlOrder, "workflow "+workflowID, "%s is the effect of control %s, which is %s", a.event.Subject, ids[i], of.action)
			yes = false
		case of.stored.After(a.event.Stored):
			c.findEvent(a.event, ControlOrder, "workflow "+workflowID, "%s was published before its control %s", a.event.Subject, ids[i])
			yes = false
		case last >= 0 && of.stored.Before(c.commands[ids[last]].stored):
			c.findEvent(a.event, ControlOrder, "workflow "+workflowID, "control %s (%s) took effect after control %s (%s), which is later in the stream",
				ids[i], of.action, ids[last], c.commands[ids[last]].action)
			yes = false
		default:
			last = i
		}
	}
	return yes
}

// complete checks that no accepted control was left out before one that took effect. A control that was rejected may
// have taken effect, because its workflow may have ended before the bridge recorded the signal.
func (c *check) complete(workflowID string, all []announcement, ids []string) {
	controls := slices.Collect(maps.Values(c.controls))
	controls = slices.DeleteFunc(controls, func(one *control) bool { return one.target() != workflowID })
	slices.SortFunc(controls, func(a, b *control) int { return cmp.Compare(a.Sequence, b.Sequence) })
	next, paused, stopping := 0, false, false
	for _, one := range controls {
		switch {
		case next == len(all):
			return
		case ids[next] == one.ID:
			paused = all[next].paused
			next++
		case one.State != ledger.ControlApplied:
		case one.Action == events.Cancel:
			stopping = true
		case one.Action == events.Pause && !paused && !stopping, one.Action == events.Resume && paused:
			c.findEvent(all[next].event, ControlOrder, "workflow "+workflowID, "control %s (%s) was accepted and had no effect, and the later control %s had one",
				one.ID, one.Action, ids[next])
			return
		}
	}
}
