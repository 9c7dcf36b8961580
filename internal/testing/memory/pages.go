package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// row is a row of a table.
type row struct {
	raw        []byte
	modifiedOn time.Time
	fetchedAt  time.Time
	deletedAt  time.Time
}

// StorePage stores a page and the position after it. Which rows a full read, a rebuild or a verify
// misses is not computed: Misses says it.
func (l *Ledger) StorePage(ctx context.Context, t ledger.Target, at ledger.Position, p entity.Page) (ledger.Position, error) {
	if p.Date.IsZero() {
		return ledger.Position{}, fmt.Errorf("store page %d of %s for run %d: the page has no date", at.Pages+1, t.Entity.Name, t.Run.Number)
	}
	return l.move(ctx, "StorePage", t, at.Version, func(kept *position) {
		l.keep(t, kept, p)
		kept.Pages++
		kept.Cursor = p.Next
		if p.Last {
			l.endReading(t, kept)
		}
		l.saveResumePoint(t, kept, p)
	})
}

// keep stores the records of a page and counts them. Those of a rebuild are staged until ApplyRebuild,
// those of a verify are never applied.
func (d *Database) keep(t ledger.Target, kept *position, p entity.Page) {
	if kept.watermark.IsZero() {
		kept.watermark = p.Date
	}
	if p.Total >= 0 {
		kept.Total = ledger.Total(p.Total)
	}
	fetched := int64(len(p.Records) + len(p.Rejected))
	kept.Fetched += fetched
	kept.Rejected += int64(len(p.Rejected))
	kept.warnings = kept.warnings.Add(p.Warnings)
	kept.Warnings = kept.warnings.List()
	if t.Mode.Info().Staged {
		at := place{t.Run.Number, t.Entity.Name}
		d.staged[at] = append(d.staged[at], newest(p.Records)...)
		return
	}
	var done events.Counts
	for _, r := range newest(p.Records) {
		d.upsert(table{t.TenantID, t.Entity.Name}, r, p.Date, &done)
	}
	done.Unchanged = fetched - int64(len(p.Rejected)) - done.Inserted - done.Updated - done.Deleted
	kept.Counts.Add(done)
}

// newest returns the newest record of each id, the last one of equal ones.
func newest(all []entity.Record) (kept []entity.Record) {
	for _, r := range all {
		i := slices.IndexFunc(kept, func(other entity.Record) bool { return other.ID == r.ID })
		switch {
		case i < 0:
			kept = append(kept, r)
		case !r.ModifiedOn.Before(kept[i].ModifiedOn):
			kept[i] = r
		}
	}
	return kept
}

// upsert writes a record unless the row is newer or equal.
func (d *Database) upsert(in table, r entity.Record, fetched time.Time, done *events.Counts) {
	rows := d.rows[in]
	if rows == nil {
		rows = map[string]row{}
		d.rows[in] = rows
	}
	old, exists := rows[r.ID]
	wasLive := exists && old.deletedAt.IsZero()
	if exists && !replaces(r, fetched, old) {
		return
	}
	next := row{raw: r.Raw, modifiedOn: r.ModifiedOn, fetchedAt: fetched}
	if r.Deleted {
		if next.deletedAt = old.deletedAt; next.deletedAt.IsZero() {
			next.deletedAt = fetched
		}
	}
	rows[r.ID] = next
	switch {
	case !exists:
		done.Inserted++
	case wasLive && r.Deleted:
		done.Deleted++
	default:
		done.Updated++
	}
}

// replaces reports whether a record is newer than a row and differs from it.
func replaces(r entity.Record, fetched time.Time, old row) bool {
	isNewer := !fetched.Before(old.fetchedAt)
	if !r.ModifiedOn.IsZero() && !old.modifiedOn.IsZero() && !r.ModifiedOn.Equal(old.modifiedOn) {
		isNewer = r.ModifiedOn.After(old.modifiedOn)
	}
	isDeleted := !old.deletedAt.IsZero()
	mayRestore := r.Deleted || !isDeleted || !fetched.Before(old.deletedAt)
	return isNewer && mayRestore && (isDeleted != r.Deleted || !isSameJSON(r.Raw, old.raw))
}

func isSameJSON(a, b []byte) bool {
	var first, second any
	return json.Unmarshal(a, &first) == nil && json.Unmarshal(b, &second) == nil && reflect.DeepEqual(first, second)
}

// endReading sets the phase or the status that follows the last page.
func (d *Database) endReading(t ledger.Target, kept *position) {
	at := place{t.Run.Number, t.Entity.Name}
	if kept.Phase == events.PhaseSweeping { // the second look of a verify
		kept.Phase = events.PhaseChecking
		return
	}
	if !t.Mode.Info().PerTenant { // those of a refresh are its ids
		d.toLookUp[at] = slices.Clone(d.Misses[t.Entity.Name])
	}
	d.endStep(t, kept)
}

// endStep sets the phase or the status that follows the last page or the last lookup.
func (d *Database) endStep(t ledger.Target, kept *position) {
	mode := t.Mode.Info()
	switch {
	case mode.ReadOnly && kept.Phase != events.PhaseSweeping:
		kept.Phase = events.PhaseComparing
	case len(d.toLookUp[place{t.Run.Number, t.Entity.Name}]) > 0:
		kept.Phase = events.PhaseSweeping
	case mode.Staged:
		kept.Phase = events.PhaseChecking
	default:
		kept.Status = events.StatusCompleted
	}
}

// saveResumePoint sets the parts of the resume point that a page sets.
func (d *Database) saveResumePoint(t ledger.Target, kept *position, p entity.Page) {
	in := table{t.TenantID, t.Entity.Name}
	resume := d.state.resume[in]
	mode := t.Mode.Info()
	token, since := false, false
	switch {
	case t.Refresh:
	case mode.PerTenant:
		token, since = p.Next.Token != "", p.Last
	case mode.ReadsAll && !mode.Staged:
		since = kept.Status == events.StatusCompleted && resume.version == kept.resumeVersion
		token = since
	}
	if token {
		resume.token = p.Next.Token
	}
	if since {
		resume.since = kept.watermark
	}
	if token || since {
		resume.version++
	}
	d.state.resume[in] = resume
}
