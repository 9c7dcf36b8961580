package recording

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// observe checks an event: what it says must have been recorded in the ledger when JetStream stored the event.
func (c *check) observe(e Event) error {
	switch e.Subject {
	case events.Control.Subject:
		return observed(e, c.observeCommand)
	case events.Accepted.Subject:
		return observed(e, c.observeAccepted)
	case events.Rejected.Subject:
		return observed(e, c.observeRejected)
	case events.Started.Subject:
		return observed(e, c.observeStarted)
	case events.Paused.Subject, events.Resumed.Subject:
		return observed(e, c.observeControlled)
	case events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject:
		return observed(e, c.observeOutcome)
	}
	return nil
}

func observed[T any](e Event, apply func(e Event, data T)) error {
	var data T
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return err
	}
	apply(e, data)
	return nil
}

func (c *check) observeCommand(e Event, d events.ControlData) {
	id := events.RequestID(e.Source, e.ID)
	if _, repeated := c.commands[id]; !repeated {
		c.commands[id] = command{stored: e.Stored, action: d.Action, reason: d.Reason}
	}
}

func (c *check) observeAccepted(e Event, d events.AcceptedData) {
	if d.Kind == events.KindControl {
		one := c.controls[d.RequestID]
		if one == nil || !happened(one.applied, e) {
			c.findEvent(e, EventAgrees, "control "+d.RequestID, "control %s was answered as accepted before the ledger had it as applied", d.RequestID)
		}
		return
	}
	q := c.requests[d.RequestID]
	switch {
	case q == nil || !happened(q.received, e) || !d.Duplicate && !happened(q.accepted, e):
		c.findEvent(e, EventAgrees, "request "+d.RequestID, "request %s was answered as accepted before the ledger had it as accepted", d.RequestID)
	case d.Outcome != nil:
		r := c.runs[d.Outcome.RunNumber]
		if r == nil || r.State.EventType() != d.Outcome.Type || !happened(r.finalized, e) {
			c.findEvent(e, EventAgrees, "request "+d.RequestID, "request %s was answered with the outcome %s of run %d, which the ledger did not have",
				d.RequestID, d.Outcome.Type, d.Outcome.RunNumber)
		}
	}
}

func (c *check) observeRejected(e Event, d events.RejectedData) {
	one := c.controls[d.RequestID]
	if d.Kind == events.KindControl && one != nil && d.Code != events.CodeConflict && !happened(one.rejected, e) {
		c.findEvent(e, EventAgrees, "control "+d.RequestID, "control %s was answered as rejected before the ledger had it as rejected", d.RequestID)
	}
}

func (c *check) observeStarted(e Event, d events.StartedData) {
	if r := c.runOf(e, d.RunData); r != nil && !happened(r.begun, e) {
		c.findEvent(e, EventAgrees, runSubject(d.RunNumber), "run %d was announced before it began in the ledger", d.RunNumber)
	}
}

func (c *check) observeControlled(e Event, d events.ControlledData) {
	r := c.runOf(e, d.RunData)
	ordinal := ordinalOf(e)
	if r == nil || d.Part > 1 {
		return
	}
	paused := e.Subject == events.Paused.Subject
	if p, recorded := r.pauses[ordinal]; !recorded || p.paused != paused || !happened(p.at, e) {
		c.findEvent(e, EventAgrees, runSubject(d.RunNumber), "%s %d of run %d was published before the ledger had it", e.Subject, ordinal, d.RunNumber)
	}
	c.announced[d.WorkflowID] = append(c.announced[d.WorkflowID], announcement{event: e, ordinal: ordinal, paused: paused, reason: d.Reason, run: d.RunNumber})
}

// ordinalOf returns the number of a pause or resume, from <firstRunId>/<pass>/<type>/<number>.
func ordinalOf(e Event) int {
	_, rest, _ := strings.Cut(e.ID, ".v1/")
	number, _, _ := strings.Cut(rest, "/")
	ordinal, _ := strconv.Atoi(number)
	return ordinal
}

func (c *check) observeOutcome(e Event, d events.OutcomeData) {
	r := c.runOf(e, d.RunData)
	if r == nil {
		return
	}
	subject := runSubject(d.RunNumber)
	switch state := ledger.RunState(strings.TrimPrefix(e.Subject, "sync.")); {
	case !happened(r.finalized, e):
		c.findEvent(e, EventAgrees, subject, "the outcome of run %d was published before the ledger had it", d.RunNumber)
	case r.State != state:
		c.findEvent(e, EventAgrees, subject, "the outcome of run %d is %s in the event, %s in the ledger", d.RunNumber, state, r.State)
	case !sameResults(d.Results, r.Results):
		c.findEvent(e, EventAgrees, subject, "the results of run %d differ between the event and the ledger, which has %s", d.RunNumber, r.Results)
	}
}

func sameResults(inEvent []events.Result, inLedger json.RawMessage) bool {
	var results []events.Result
	if json.Unmarshal(inLedger, &results) != nil {
		return false
	}
	return len(results) == 0 && len(inEvent) == 0 || reflect.DeepEqual(results, inEvent)
}

// runOf returns the run of an event, and adds a violation if the event does not agree with it. It returns nil then,
// and if the run was pruned.
func (c *check) runOf(e Event, d events.RunData) *run {
	r := c.runs[d.RunNumber]
	if r == nil {
		if _, had := c.finals[d.RunNumber]; !had {
			c.findEvent(e, EventAgrees, runSubject(d.RunNumber), "%s names run %d, which the ledger never had", e.Subject, d.RunNumber)
		}
		return nil
	}
	if r.WorkflowID != d.WorkflowID || d.RunID != "" && r.FirstRunID != d.RunID {
		c.findEvent(e, EventAgrees, runSubject(d.RunNumber), "%s names run %d of %s %s, which is of %s %s in the ledger",
			e.Subject, d.RunNumber, d.WorkflowID, d.RunID, r.WorkflowID, r.FirstRunID)
		return nil
	}
	return r
}

// happened reports whether a change was recorded before an event was stored; the zero time is no change.
// PostgreSQL and JetStream run on one machine, with one clock.
func happened(at time.Time, e Event) bool { return !at.IsZero() && !at.After(e.Stored) }
