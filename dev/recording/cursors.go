package recording

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lazi/lazisync/events"
)

// cursorRow is a row of raw.sync_cursors.
type cursorRow struct {
	Run     int64           `json:"run_number"`
	Table   string          `json:"table_name"`
	Cursor  json.RawMessage `json:"cursor"`
	Version int64           `json:"version"`
	events.Counts
	Status      string `json:"status"`
	Phase       string `json:"phase"`
	BaseVersion int64  `json:"base_version"`
}

// cursorKey identifies the cursor of a run in a table.
type cursorKey struct {
	run   int64
	table string // with schema
}

func (k cursorKey) subject() string { return fmt.Sprintf("cursor %d %s", k.run, k.table) }

func (r cursorRow) key() cursorKey { return cursorKey{r.Run, r.Table} }

// position returns the columns that may change only together with the version.
func (r cursorRow) position() string {
	return fmt.Sprint(string(r.Cursor), r.Status, r.Phase, r.Pages, r.Fetched, r.Inserted, r.Updated, r.Unchanged, r.Deleted, r.Rejected)
}

// steps returns the number of pages before the cursor. A writer adds one to the number in the cursor that it
// read, so the number shows which cursor that was. It is 0 at the beginning and after the last page.
func (r cursorRow) steps() int {
	var c struct {
		Trail struct {
			Steps int `json:"steps"`
		} `json:"trail"`
	}
	_ = json.Unmarshal(r.Cursor, &c)
	return c.Trail.Steps
}

// advance is a move of a cursor.
type advance struct {
	cursorKey
	base int64 // resume_version of the table when the run opened it
}

func (c *check) applyCursor(change Change, before, after *cursorRow) {
	switch {
	case after == nil:
		delete(c.cursors, before.key())
		return
	case before == nil:
		c.openCursor(change, after)
	default:
		c.moveCursor(change, before, after)
	}
	c.cursors[after.key()] = after
	if after.Status != "" {
		if subject := c.tableSubjectOf(after.key()); c.readers[subject] == after.Run {
			delete(c.readers, subject)
		}
	}
}

// tableSubjectOf returns the subject of the table of a cursor, such as "tenant 7 raw.st_jobs".
func (c *check) tableSubjectOf(k cursorKey) string {
	if r := c.runs[k.run]; r != nil {
		return tableSubject(r.TenantID, k.table)
	}
	return k.table
}

func tableSubject(tenant int64, table string) string {
	return fmt.Sprintf("tenant %d %s", tenant, table)
}

// requireRunning adds a violation if the run of a write does not exist or is finalized. It returns the run, nil
// if it does not exist.
func (c *check) requireRunning(change Change, rule string, k cursorKey, what string) *run {
	r := c.runs[k.run]
	switch {
	case r == nil:
		c.find(change, rule, k.subject(), "%s for run %d, which does not exist", what, k.run)
	case r.isFinal():
		c.find(change, rule, runSubject(k.run), "%s for run %d after it was finalized as %s by change %d", what, k.run, r.State, r.finalizedBy)
	}
	return r
}

func (c *check) openCursor(change Change, row *cursorRow) {
	r := c.requireRunning(change, CursorCAS, row.key(), "cursor of "+row.Table+" opened")
	if r == nil || r.isFinal() || row.Status != "" {
		return
	}
	if mode := events.Mode(r.Mode).Info(); !mode.ReadsAll || mode.ReadOnly {
		return
	}
	subject := c.tableSubjectOf(row.key())
	if other := c.readers[subject]; other != 0 && other != row.Run {
		c.find(change, OneReader, subject, "run %d began to read %s while run %d was reading it", row.Run, row.Table, other)
	}
	c.readers[subject] = row.Run
}

func (c *check) moveCursor(change Change, before, after *cursorRow) {
	k := after.key()
	if after.Version == before.Version {
		if after.position() != before.position() {
			c.find(change, CursorCAS, k.subject(), "the cursor of run %d in %s changed without a new version, which is %d", k.run, k.table, after.Version)
		}
		return
	}
	c.advances[change.Tx] = append(c.advances[change.Tx], advance{k, after.BaseVersion})
	c.requireRunning(change, CursorCAS, k, "cursor of "+k.table+" moved")
	switch {
	case after.Version != before.Version+1:
		c.find(change, CursorCAS, k.subject(), "the version of the cursor of run %d in %s went from %d to %d", k.run, k.table, before.Version, after.Version)
	case before.Status != "":
		c.find(change, CursorCAS, k.subject(), "the cursor of run %d in %s moved after it was %s", k.run, k.table, before.Status)
	case after.Pages < before.Pages || after.Pages > before.Pages+1:
		c.find(change, CursorCAS, k.subject(), "the cursor of run %d in %s went from %d pages to %d", k.run, k.table, before.Pages, after.Pages)
	case after.steps() != 0 && after.steps() != before.steps()+1 && string(after.Cursor) != string(before.Cursor):
		c.find(change, CursorCAS, k.subject(), "the cursor of run %d in %s was at page %d of the listing; a writer that read it at page %d moved it",
			k.run, k.table, before.steps(), after.steps()-1)
	case after.steps() != 0 && after.Pages > before.Pages && string(after.Cursor) == string(before.Cursor):
		c.find(change, CursorCAS, k.subject(), "page %d of run %d in %s was stored twice", after.steps(), k.run, k.table)
	}
}

// checkPages checks that rows are written together with the cursor of their run.
func (c *check) checkPages() {
	for _, change := range c.written {
		var rows struct {
			Run  int64 `json:"run_number"`
			Rows int64 `json:"rows"`
		}
		if json.Unmarshal(change.After, &rows) != nil {
			continue
		}
		k := cursorKey{rows.Run, "raw." + change.Table}
		if !slices.ContainsFunc(c.advances[change.Tx], func(a advance) bool { return a.cursorKey == k }) {
			c.find(change, PageWhole, k.subject(), "%d rows of %s were written for run %d in a transaction that did not move its cursor", rows.Rows, change.Table, rows.Run)
		}
	}
}

// stateRow is a row of raw.sync_state.
type stateRow struct {
	TenantID int64   `json:"tenant_id"`
	Table    string  `json:"table_name"`
	Token    string  `json:"resume_token"`
	Since    *string `json:"resume_since"`
	Version  int64   `json:"resume_version"`
}

func (s stateRow) resumePoint() string {
	if s.Since == nil {
		return s.Token
	}
	return s.Token + " " + *s.Since
}

func (c *check) applyState(change Change, before, after *stateRow) {
	if before == nil || after == nil {
		return
	}
	subject := tableSubject(after.TenantID, after.Table)
	if before.Version == after.Version {
		if before.resumePoint() != after.resumePoint() {
			c.find(change, ResumePoint, subject, "the resume point of %s changed without a new version, which is %d", subject, after.Version)
		}
		return
	}
	if after.Version != before.Version+1 {
		c.find(change, ResumePoint, subject, "the version of the resume point of %s went from %d to %d", subject, before.Version, after.Version)
	}
	for _, a := range c.advances[change.Tx] {
		r := c.runs[a.run]
		if r == nil || a.table != after.Table || r.TenantID != after.TenantID {
			continue
		}
		switch mode := events.Mode(r.Mode); {
		case mode == events.Full && a.base != before.Version:
			c.find(change, ResumePoint, subject, "full run %d moved the resume point of %s from version %d, and had read version %d", a.run, subject, before.Version, a.base)
		case mode != events.Full && mode != events.Incremental || r.Refresh:
			c.find(change, ResumePoint, subject, "%s run %d moved the resume point of %s", r.Mode, a.run, subject)
		}
		return
	}
	c.find(change, ResumePoint, subject, "the resume point of %s moved in a transaction that moved no cursor", subject)
}
