package recording

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Violation is a change that the ledger must not allow, or an event that disagrees with it.
type Violation struct {
	Rule string // one of the constants below, such as FinalizeOnce
	What string // one sentence, with run, request or workflow
	// Window lists the changes and events of the same run, cursor, request, control or workflow
	// around the violation, which is marked with ">".
	Window string
}

// The rules that Check applies.
const (
	FinalizeOnce  = "finalize once"
	OneOpenRun    = "one open run of a workflow"
	CursorCAS     = "cursor compare-and-set"
	PageWhole     = "page and cursor in one transaction"
	OneReader     = "one full read of a table"
	ResumePoint   = "resume point compare-and-set"
	RequestServed = "request served once"
	ControlOnce   = "control settled once"
	ControlOrder  = "controls in the order of their stream"
	EventAgrees   = "event agrees with the ledger"
)

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s\n%s", v.Rule, v.What, v.Window)
}

// Check returns the violations in a recording, and in the events and commands that JetStream stored
// meanwhile. Events must not precede the recording: after a restore of the database, pass none. The error
// names a row or an event that cannot be decoded.
//
// Changes by other processes than lazisync's become part of the state, but are not checked.
func Check(changes []Change, events []Event) ([]Violation, error) {
	c := newCheck(changes, events)
	for _, change := range c.changes {
		if err := c.apply(change); err != nil {
			return nil, fmt.Errorf("change %d of %s: %w", change.Number, change.Table, err)
		}
	}
	c.checkPages()
	for _, e := range c.events {
		if err := c.observe(e); err != nil {
			return nil, fmt.Errorf("%s %s: %w", e.Subject, e.ID, err)
		}
	}
	c.checkControlOrder()
	return c.report(), nil
}

// check is the state of the ledger while the changes are applied in order.
type check struct {
	changes []Change
	events  []Event

	runs     map[int64]*run
	open     map[string]int64    // by workflow ID, the run that is open
	readers  map[string]int64    // by tenant and table, the full or rebuild run that reads it
	requests map[string]*request // by ID
	controls map[string]*control // by ID
	settled  map[string]*control // by workflow ID, the settled control that is last in the stream
	cursors  map[cursorKey]*cursorRow
	advances map[int64][]advance // by transaction
	finals   map[int64]int64     // by run, the transaction that finalized it first; also of deleted runs
	written  []Change            // with Op rows

	announced map[string][]announcement // by workflow ID
	commands  map[string]command        // of sync.control, by control ID

	found []finding
}

// finding is a violation before its window is written.
type finding struct {
	rule, what string
	subject    string // whose changes and events the window shows
	change     int64  // 0 for an event
	event      *Event
}

func newCheck(changes []Change, events []Event) *check {
	c := &check{
		changes: slices.SortedFunc(slices.Values(changes), func(a, b Change) int { return cmp.Compare(a.Number, b.Number) }),
		events:  slices.SortedStableFunc(slices.Values(events), func(a, b Event) int { return a.Stored.Compare(b.Stored) }),
		runs:    map[int64]*run{}, open: map[string]int64{}, readers: map[string]int64{}, requests: map[string]*request{},
		controls: map[string]*control{}, settled: map[string]*control{}, cursors: map[cursorKey]*cursorRow{}, advances: map[int64][]advance{},
		finals: map[int64]int64{}, announced: map[string][]announcement{}, commands: map[string]command{},
	}
	for _, change := range c.changes {
		var row runRow
		if change.Table != "sync_runs" || json.Unmarshal(change.After, &row) != nil || !row.isFinal() {
			continue
		}
		if _, known := c.finals[row.Number]; !known {
			c.finals[row.Number] = change.Tx
		}
	}
	return c
}

// apply applies a change and checks it.
func (c *check) apply(change Change) error {
	switch change.Table {
	case "sync_runs":
		return decoded(change, c.applyRun)
	case "sync_cursors":
		return decoded(change, c.applyCursor)
	case "sync_requests":
		return decoded(change, c.applyRequest)
	case "sync_controls":
		return decoded(change, c.applyControl)
	case "sync_state":
		return decoded(change, c.applyState)
	}
	c.written = append(c.written, change)
	return nil
}

// decoded calls a function with the row before and after a change, nil for none.
func decoded[T any](change Change, apply func(change Change, before, after *T)) error {
	var before, after *T
	for _, row := range []struct {
		text json.RawMessage
		into **T
	}{{change.Before, &before}, {change.After, &after}} {
		if len(row.text) == 0 {
			continue
		}
		*row.into = new(T)
		if err := json.Unmarshal(row.text, *row.into); err != nil {
			return err
		}
	}
	apply(change, before, after)
	return nil
}

// find adds a violation by a change, unless another process than lazisync's made it.
func (c *check) find(change Change, rule, subject, format string, args ...any) {
	if !strings.HasPrefix(change.Process, "lazisync") {
		return
	}
	c.found = append(c.found, finding{rule: rule, what: fmt.Sprintf(format, args...), subject: subject, change: change.Number})
}

// findEvent adds a violation by an event.
func (c *check) findEvent(e Event, rule, subject, format string, args ...any) {
	c.found = append(c.found, finding{rule: rule, what: fmt.Sprintf(format, args...), subject: subject, event: &e})
}

// clock formats a time as the reports show it.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000000") }
