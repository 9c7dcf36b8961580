package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// place is an entity of a run.
type place struct {
	run    int64
	entity string
}

// position is a row of raw.sync_cursors.
type position struct {
	ledger.Position
	resumeVersion int64     // of the table when the position was created
	watermark     time.Time // date of the first page
	warnings      ledger.Warnings
}

// table is a table of records of a tenant.
type table struct {
	tenant events.TenantID
	entity string
}

// resumePoint is where the next incremental of a table continues.
type resumePoint struct {
	token   string
	since   time.Time
	version int64
}

func (r resumePoint) isKnown() bool { return r.token != "" || !r.since.IsZero() }

// neverSynced is the reason for which an entity is skipped.
const neverSynced = "never fully synced: request a full sync first"

// SetResumePoint makes incrementals of a table continue at a token or, if it is "", at a time, as after
// a full sync.
func (d *Database) SetResumePoint(tenant events.TenantID, name, token string, since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.resume[table{tenant, name}] = resumePoint{token: token, since: since, version: 1}
}

// EndEntity ends an entity of a run as if it had no pages.
func (d *Database) EndEntity(number int64, name string, status events.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := place{number, name}
	p := d.state.positions[at]
	p.Run, p.Entity, p.Status = number, name, status
	d.state.positions[at] = p
}

// Open returns the position of a run in an entity, and creates it if there is none.
func (l *Ledger) Open(_ context.Context, t ledger.Target) (opened ledger.Position, err error) {
	err = l.write("Open", t.Entity.Name, func() error {
		if _, err := l.findRunning(t.Run); err != nil {
			return err
		}
		if p, ok := l.state.positions[place{t.Run.Number, t.Entity.Name}]; ok {
			opened = p.Position
			return nil
		}
		if err := l.checkNotBusy(t); err != nil {
			return err
		}
		opened = l.createPosition(t).Position
		return nil
	})
	return opened, err
}

// checkNotBusy fails while another full or rebuild run has not finished the entity.
func (d *Database) checkNotBusy(t ledger.Target) error {
	if !excludes(t.Mode) {
		return nil
	}
	for at, p := range d.state.positions {
		other := d.state.runs[at.run]
		if at.entity == t.Entity.Name && at.run != t.Run.Number && !p.Done() &&
			other.TenantID == t.TenantID && other.State == ledger.Running && excludes(other.Mode) {
			return fmt.Errorf("run %d: %w", at.run, ledger.ErrBusy)
		}
	}
	return nil
}

// excludes reports whether two runs of such modes do not read an entity at once.
func excludes(mode events.Mode) bool { return mode.Info().ReadsAll && !mode.Info().ReadOnly }

func (d *Database) createPosition(t ledger.Target) position {
	now := d.now()
	resume := d.state.resume[table{t.TenantID, t.Entity.Name}]
	p := position{resumeVersion: resume.version, Position: ledger.Position{
		Run: t.Run.Number, Entity: t.Entity.Name, Cursor: t.Entity.Start(), Phase: events.PhaseReading, Total: ledger.UnknownTotal, StartedAt: now, UpdatedAt: now,
	}}
	perTenant := t.Mode.Info().PerTenant
	switch {
	case (perTenant || t.Mode.Info().ReadOnly) && !resume.isKnown():
		p.Status, p.SkippedReason = events.StatusSkipped, neverSynced
	case t.Refresh:
		d.openRefresh(&p)
	case perTenant:
		if p.Cursor.Since = resume.since; p.Cursor.Feed == entity.Export {
			p.Cursor.Token = resume.token
		}
	}
	d.state.positions[place{t.Run.Number, t.Entity.Name}] = p
	return p
}

// openRefresh makes a position begin where the requests of its run say.
func (d *Database) openRefresh(p *position) {
	var since *time.Time
	var ids []string
	for _, q := range d.served(p.Run) {
		if !slices.Contains(q.Entities, p.Entity) {
			continue
		}
		if q.Since != nil && (since == nil || q.Since.Before(*since)) {
			since = q.Since
		}
		ids = append(ids, q.IDs...)
	}
	slices.Sort(ids)
	d.toLookUp[place{p.Run, p.Entity}] = slices.Compact(ids)
	switch {
	case since != nil:
		p.Cursor.Since = *since
	case len(ids) > 0:
		p.Cursor, p.Phase = entity.Cursor{Feed: entity.List}, events.PhaseSweeping
	default:
		p.Status, p.SkippedReason = events.StatusSkipped, "its requests were cancelled"
	}
}

// move moves the position of a run if it is at a version and not done.
func (l *Ledger) move(ctx context.Context, method string, t ledger.Target, version int64, do func(p *position)) (moved ledger.Position, err error) {
	err = l.write(method, t.Entity.Name, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := l.findRunning(t.Run); err != nil {
			return err
		}
		at := place{t.Run.Number, t.Entity.Name}
		p, ok := l.state.positions[at]
		if !ok || p.Version != version || p.Done() {
			return ledger.ErrFenced
		}
		p.Version++
		do(&p)
		p.UpdatedAt = l.now()
		l.state.positions[at] = p
		moved = p.Position
		return nil
	})
	return moved, err
}

// FailEntity records that a run cannot read an entity, from a position, or from the zero Position if it
// was never opened.
func (l *Ledger) FailEntity(ctx context.Context, t ledger.Target, from ledger.Position, re events.RunError) error {
	return l.write("FailEntity", t.Entity.Name, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := l.findRunning(t.Run); err != nil {
			return err
		}
		at, now := place{t.Run.Number, t.Entity.Name}, l.now()
		p, opened := l.state.positions[at]
		switch {
		case opened != from.Opened(), opened && p.Version != from.Version, p.Done():
			return ledger.ErrFenced
		case !opened:
			p.Position = ledger.Position{
				Run: t.Run.Number, Entity: t.Entity.Name, Cursor: t.Entity.Start(), Phase: events.PhaseReading, Total: ledger.UnknownTotal, StartedAt: now,
			}
		default:
			p.Version++
		}
		p.Status, p.Error, p.UpdatedAt = events.StatusFailed, &re, now
		l.state.positions[at] = p
		return nil
	})
}

// SetTotal sets the expected number of records.
func (l *Ledger) SetTotal(_ context.Context, t ledger.Target, from ledger.Position, total ledger.Total) error {
	return l.write("SetTotal", t.Entity.Name, func() error {
		if _, err := l.findRunning(t.Run); err != nil {
			return err
		}
		at := place{t.Run.Number, t.Entity.Name}
		p, ok := l.state.positions[at]
		if !ok || p.Version != from.Version {
			return ledger.ErrFenced
		}
		p.Total = total
		l.state.positions[at] = p
		return nil
	})
}

// Position returns the position of a run in an entity; zero if there is none.
func (d *Database) Position(number int64, name string) ledger.Position {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.positions[place{number, name}].Position
}
