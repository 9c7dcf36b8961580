package memory

import (
	"context"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// MissingIDs returns ids that were not looked up yet.
func (l *Ledger) MissingIDs(_ context.Context, t ledger.Target, most int) (ids []string, err error) {
	err = l.read("MissingIDs", t.Entity.Name, func() error {
		all := l.toLookUp[place{t.Run.Number, t.Entity.Name}]
		ids = slices.Clone(all[:min(most, len(all))])
		return nil
	})
	return ids, err
}

// StoreLookup stores the records that a lookup returned. Of the others, the rows are deleted or, by a
// verify, the differences confirmed.
func (l *Ledger) StoreLookup(ctx context.Context, t ledger.Target, at ledger.Position, ids []string, p entity.Page) (ledger.Position, error) {
	return l.move(ctx, "StoreLookup", t, at.Version, func(kept *position) {
		where := place{t.Run.Number, t.Entity.Name}
		l.keep(t, kept, p)
		l.toLookUp[where] = slices.DeleteFunc(l.toLookUp[where], func(id string) bool { return slices.Contains(ids, id) })
		absent := int64(len(ids) - len(p.Records))
		switch {
		case t.Refresh:
		case t.Mode.Info().ReadOnly:
			l.confirmed += absent
		default:
			kept.Deleted += absent
		}
		l.endStep(t, kept)
	})
}

// CompareStaged begins the second look of a verify if there are Misses.
func (l *Ledger) CompareStaged(ctx context.Context, t ledger.Target, at ledger.Position) (ledger.Position, error) {
	return l.move(ctx, "CompareStaged", t, at.Version, func(kept *position) {
		kept.Phase = events.PhaseChecking
		if len(l.toLookUp[place{t.Run.Number, t.Entity.Name}]) > 0 {
			kept.Phase = events.PhaseSweeping
		}
	})
}

// CheckRebuild fails the entity if counted exceeds the number of records read. It completes a verify,
// for which the Misses are extra.
func (l *Ledger) CheckRebuild(ctx context.Context, t ledger.Target, at ledger.Position, counted int64) (ledger.Position, error) {
	return l.move(ctx, "CheckRebuild", t, at.Version, func(kept *position) {
		if kept.Phase = events.PhaseApplying; t.Mode.Info().ReadOnly {
			kept.Status = events.StatusCompleted
			extra := l.confirmed + int64(len(l.toLookUp[place{t.Run.Number, t.Entity.Name}]))
			kept.Differences = &events.Differences{Extra: extra, Sample: []string{}}
		}
		if kept.Fetched < counted {
			kept.Status, kept.Error = events.StatusFailed, &events.RunError{Type: events.APIError, Message: "too few", Entity: t.Entity.Name}
		}
	})
}

// ApplyRebuild writes the staged records.
func (l *Ledger) ApplyRebuild(ctx context.Context, t ledger.Target, at ledger.Position) (ledger.Position, error) {
	return l.move(ctx, "ApplyRebuild", t, at.Version, func(kept *position) {
		for _, r := range newest(l.staged[place{t.Run.Number, t.Entity.Name}]) {
			l.upsert(table{t.TenantID, t.Entity.Name}, r, kept.watermark, &kept.Counts)
		}
		kept.Status = events.StatusCompleted
	})
}

// Stall returns Held.
func (l *Ledger) Stall(_ context.Context, t ledger.Target) (stall ledger.Stall, err error) {
	err = l.read("Stall", t.Entity.Name, func() error {
		stall = l.Held
		return nil
	})
	return stall, err
}

// Rows returns the number of stored rows of an entity, of all tenants.
func (d *Database) Rows(name string) (rows int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for in, all := range d.rows {
		if in.entity == name {
			rows += len(all)
		}
	}
	return rows
}

// Row returns the document of a row and when it was deleted, zero if it is live; nil if there is none.
func (d *Database) Row(tenant events.TenantID, name, id string) (raw []byte, deletedAt time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rows[table{tenant, name}][id]
	return r.raw, r.deletedAt
}
