package recording

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/ledger"
)

// runRow is a row of raw.sync_runs.
type runRow struct {
	Number      int64           `json:"run_number"`
	TenantID    int64           `json:"tenant_id"`
	Mode        string          `json:"mode"`
	WorkflowID  string          `json:"workflow_id"`
	FirstRunID  string          `json:"first_run_id"`
	Pass        int             `json:"pass"`
	State       ledger.RunState `json:"state"`
	FinishedAt  *string         `json:"finished_at"`
	Error       json.RawMessage `json:"error"`
	Results     json.RawMessage `json:"results"`
	Reason      string          `json:"reason"`
	PublishedAt *string         `json:"published_at"`
	PausedAt    *string         `json:"paused_at"`
	PauseNumber int             `json:"pause_number"`
	Refresh     bool            `json:"refresh"`
}

func (r runRow) isFinal() bool { return r.State != ledger.Running && r.State != "" }

// isWithdrawn reports whether the run was created for the outcome of a withdrawn request.
func (r runRow) isWithdrawn() bool { return strings.HasPrefix(r.FirstRunID, ledger.WithdrawnPrefix) }

// outcome returns the columns that are fixed once the run is finalized.
func (r runRow) outcome() string {
	finished := ""
	if r.FinishedAt != nil {
		finished = *r.FinishedAt
	}
	return fmt.Sprintf("%s at %s, reason %q, error %s, results %s", r.State, finished, r.Reason, r.Error, r.Results)
}

// run is a run with the times of its changes.
type run struct {
	runRow
	begun, finalized time.Time
	finalizedBy      int64 // number of the change
	pauses           map[int]pause
}

// pause is a recorded pause or resume.
type pause struct {
	paused bool
	at     time.Time
}

func runSubject(number int64) string { return fmt.Sprintf("run %d", number) }

func (c *check) applyRun(change Change, before, after *runRow) {
	if after == nil {
		c.deleteRun(change, before)
		return
	}
	r := c.runs[after.Number]
	if before == nil || r == nil {
		r = &run{begun: change.At, pauses: map[int]pause{}}
		c.runs[after.Number] = r
		if before == nil {
			c.beginRun(change, after)
		}
	}
	if before != nil {
		c.updateRun(change, r, before, after)
	}
	if after.PauseNumber > 0 && (before == nil || after.PauseNumber != before.PauseNumber) {
		r.pauses[after.PauseNumber] = pause{after.PausedAt != nil, change.At}
	}
	if after.isFinal() && r.finalizedBy == 0 {
		r.finalized, r.finalizedBy = change.At, change.Number
		c.release(after.Number)
		if c.open[after.WorkflowID] == after.Number {
			delete(c.open, after.WorkflowID)
		}
	}
	r.runRow = *after
}

// beginRun checks a run that begins. The run of a request that has its outcome from the start is
// finalized in the same transaction, and may begin beside another one.
func (c *check) beginRun(change Change, row *runRow) {
	if row.isFinal() || c.finals[row.Number] == change.Tx {
		return
	}
	if other := c.open[row.WorkflowID]; other != 0 {
		c.find(change, OneOpenRun, "workflow "+row.WorkflowID, "run %d of %s began while its run %d was open", row.Number, row.WorkflowID, other)
	}
	c.open[row.WorkflowID] = row.Number
}

func (c *check) updateRun(change Change, r *run, before, after *runRow) {
	subject := runSubject(after.Number)
	switch {
	case before.isFinal() && before.outcome() != after.outcome():
		c.find(change, FinalizeOnce, subject, "run %d was finalized twice: as %s by change %d, as %s by change %d",
			after.Number, before.State, r.finalizedBy, after.State, change.Number)
	case before.isFinal() && before.PauseNumber != after.PauseNumber:
		c.find(change, FinalizeOnce, subject, "run %d was paused or resumed after it was finalized as %s by change %d", after.Number, before.State, r.finalizedBy)
	case before.PauseNumber > after.PauseNumber:
		c.find(change, ControlOrder, subject, "run %d went from pause %d back to %d", after.Number, before.PauseNumber, after.PauseNumber)
	case before.PauseNumber > 0 && after.PauseNumber > before.PauseNumber && (before.PausedAt == nil) == (after.PausedAt == nil):
		c.find(change, ControlOrder, subject, "run %d was paused twice or resumed twice in succession: pauses %d and %d", after.Number, before.PauseNumber, after.PauseNumber)
	}
	if !after.isFinal() && after.PublishedAt != nil {
		c.find(change, FinalizeOnce, subject, "run %d has a published outcome and is not finalized", after.Number)
	}
	was := fmt.Sprint(before.TenantID, before.Mode, before.WorkflowID, before.FirstRunID, before.Pass)
	if is := fmt.Sprint(after.TenantID, after.Mode, after.WorkflowID, after.FirstRunID, after.Pass); is != was {
		c.find(change, FinalizeOnce, subject, "run %d belongs to another execution: %s before, %s now", after.Number, was, is)
	}
}

func (c *check) deleteRun(change Change, row *runRow) {
	if !row.isFinal() || row.PublishedAt == nil {
		c.find(change, FinalizeOnce, runSubject(row.Number), "run %d was deleted in state %s, before its outcome was published", row.Number, row.State)
	}
	delete(c.runs, row.Number)
	c.release(row.Number)
	if c.open[row.WorkflowID] == row.Number {
		delete(c.open, row.WorkflowID)
	}
}

// release removes a run from the readers.
func (c *check) release(number int64) {
	for table, reader := range c.readers {
		if reader == number {
			delete(c.readers, table)
		}
	}
}
