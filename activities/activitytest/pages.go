package activitytest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// Open returns a run's position in an entity.
func (l *Ledger) Open(_ context.Context, t ledger.Target) (ledger.Position, error) {
	if err := l.refuse("Open", t.Entity.Name); err != nil {
		return ledger.Position{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.undecided(t.Run); err != nil {
		return ledger.Position{}, err
	}
	k := key{t.Run.Number, t.Entity.Name}
	if p, ok := l.positions[k]; ok {
		return *p, nil
	}
	for _, other := range l.runs {
		p, open := l.positions[key{other.Number, t.Entity.Name}]
		if open && !p.Done() && other.State == ledger.Running && excludes(other.Mode) && excludes(t.Mode) {
			return ledger.Position{}, fmt.Errorf("run %d: %w", other.Number, ledger.ErrBusy)
		}
	}
	p := &ledger.Position{Run: t.Run.Number, Entity: t.Entity.Name, Cursor: t.Entity.Start(), Phase: events.PhaseReading, Total: ledger.UnknownTotal, StartedAt: time.Now()}
	if t.Mode == events.Incremental && l.Resume != (entity.Cursor{}) {
		p.Cursor = l.Resume
	}
	if t.Refresh {
		l.openRefresh(p)
	}
	l.positions[k] = p
	return *p, nil
}

// openRefresh sets the position to what the requests of its run name.
func (l *Ledger) openRefresh(p *ledger.Position) {
	var since *time.Time
	var ids []string
	for _, r := range l.requests {
		if r.RunNumber != p.Run || !slices.Contains(r.Entities, p.Entity) {
			continue
		}
		if r.Since != nil && (since == nil || r.Since.Before(*since)) {
			since = r.Since
		}
		ids = append(ids, r.IDs...)
	}
	slices.Sort(ids)
	l.missed[p.Entity] = slices.Compact(ids)
	if since == nil {
		p.Cursor, p.Phase = entity.Cursor{Feed: entity.List}, events.PhaseSweeping
		return
	}
	p.Cursor.Since = *since
}

// excludes reports whether two runs of such modes do not read an entity at once.
func excludes(mode events.Mode) bool { return mode != events.Incremental && mode != events.Verify }

// StorePage stores a page with the resulting position.
func (l *Ledger) StorePage(ctx context.Context, t ledger.Target, at ledger.Position, p entity.Page) (ledger.Position, error) {
	return l.step(ctx, "StorePage", t, at, func(kept *ledger.Position) {
		l.keep(t.Mode, kept, p)
		kept.Pages++
		kept.Cursor = p.Next
		kept.Warnings = append(kept.Warnings, p.Warnings...)
		if !p.Last {
			return
		}
		if kept.Phase == events.PhaseSweeping { // the second look of a verify
			kept.Phase = events.PhaseChecking
			return
		}
		if t.Mode != events.Incremental { // those of a refresh are its ids
			l.missed[t.Entity.Name] = slices.Clone(l.Misses[t.Entity.Name])
		}
		l.end(t.Mode, kept)
	})
}

// keep stores the records of a page. Those of a rebuild are staged until ApplyRebuild, those of a verify
// are never applied.
func (l *Ledger) keep(mode events.Mode, kept *ledger.Position, p entity.Page) {
	kept.Fetched += int64(len(p.Records))
	for _, r := range p.Records {
		switch {
		case mode.Info().Staged:
			l.aside[kept.Run] = append(l.aside[kept.Run], r.ID)
		case l.rowsOf(kept.Entity)[r.ID]:
			kept.Unchanged++
		default:
			kept.Inserted++
			l.rowsOf(kept.Entity)[r.ID] = true
		}
	}
}

// end sets the phase or the status that follows the last page or the last lookup.
func (l *Ledger) end(mode events.Mode, kept *ledger.Position) {
	switch {
	case mode == events.Verify && kept.Phase == events.PhaseReading:
		kept.Phase = events.PhaseComparing
	case len(l.missed[kept.Entity]) > 0:
		kept.Phase = events.PhaseSweeping
	case mode.Info().Staged:
		kept.Phase = events.PhaseChecking
	default:
		kept.Status = events.StatusCompleted
	}
}

// step moves a position if its version is the caller's.
func (l *Ledger) step(ctx context.Context, op string, t ledger.Target, at ledger.Position, do func(kept *ledger.Position)) (ledger.Position, error) {
	if err := cmp.Or(l.refuse(op, t.Entity.Name), ctx.Err()); err != nil {
		return ledger.Position{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.undecided(t.Run); err != nil {
		return ledger.Position{}, err
	}
	kept := l.positions[key{t.Run.Number, t.Entity.Name}]
	if kept == nil || kept.Version != at.Version {
		return ledger.Position{}, ledger.ErrFenced
	}
	kept.Version++
	do(kept)
	return *kept, nil
}

// MissingIDs returns missing ids that were not looked up yet.
func (l *Ledger) MissingIDs(_ context.Context, t ledger.Target, most int) ([]string, error) {
	if err := l.refuse("Missing", t.Entity.Name); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	missed := l.missed[t.Entity.Name]
	return slices.Clone(missed[:min(most, len(missed))]), nil
}

// StoreLookup stores the records that a lookup returned.
func (l *Ledger) StoreLookup(ctx context.Context, t ledger.Target, at ledger.Position, ids []string, p entity.Page) (ledger.Position, error) {
	return l.step(ctx, "StoreLookup", t, at, func(kept *ledger.Position) {
		l.keep(t.Mode, kept, p)
		l.missed[t.Entity.Name] = slices.DeleteFunc(l.missed[t.Entity.Name], func(id string) bool { return slices.Contains(ids, id) })
		switch {
		case t.Refresh:
		case t.Mode == events.Verify:
			l.confirmed += int64(len(ids) - len(p.Records))
		default:
			kept.Deleted += int64(len(ids) - len(p.Records))
		}
		l.end(t.Mode, kept)
	})
}

// CompareStaged begins the second look if there are Misses.
func (l *Ledger) CompareStaged(ctx context.Context, t ledger.Target, at ledger.Position) (ledger.Position, error) {
	return l.step(ctx, "CompareStaged", t, at, func(kept *ledger.Position) {
		kept.Phase = events.PhaseChecking
		if len(l.missed[t.Entity.Name]) > 0 {
			kept.Phase = events.PhaseSweeping
		}
	})
}

// CheckRebuild fails the entity if counted exceeds the number of records read. It completes a verify,
// for which the Misses are extra.
func (l *Ledger) CheckRebuild(ctx context.Context, t ledger.Target, at ledger.Position, counted int64) (ledger.Position, error) {
	return l.step(ctx, "CheckRebuild", t, at, func(kept *ledger.Position) {
		if kept.Phase = events.PhaseApplying; t.Mode == events.Verify {
			kept.Status = events.StatusCompleted
			kept.Differences = &events.Differences{Extra: l.confirmed + int64(len(l.missed[t.Entity.Name])), Sample: []string{}}
		}
		if kept.Fetched < counted {
			kept.Status, kept.Error = events.StatusFailed, &events.RunError{Type: events.APIError, Message: "too few", Entity: t.Entity.Name}
		}
	})
}

// ApplyRebuild replaces the rows by the staged records.
func (l *Ledger) ApplyRebuild(ctx context.Context, t ledger.Target, at ledger.Position) (ledger.Position, error) {
	return l.step(ctx, "ApplyRebuild", t, at, func(kept *ledger.Position) {
		for _, id := range l.aside[at.Run] {
			l.rowsOf(t.Entity.Name)[id] = true
			kept.Inserted++
		}
		kept.Status = events.StatusCompleted
	})
}

func (l *Ledger) rowsOf(name string) map[string]bool {
	if l.rows[name] == nil {
		l.rows[name] = map[string]bool{}
	}
	return l.rows[name]
}

// FailEntity ends an entity.
func (l *Ledger) FailEntity(ctx context.Context, t ledger.Target, re events.RunError) error {
	if err := cmp.Or(l.refuse("FailEntity", t.Entity.Name), ctx.Err()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.undecided(t.Run); err != nil {
		return err
	}
	k := key{t.Run.Number, t.Entity.Name}
	if l.positions[k] == nil { // an entity may fail before it was opened
		l.positions[k] = &ledger.Position{Run: t.Run.Number, Entity: t.Entity.Name, Cursor: t.Entity.Start(), Total: ledger.UnknownTotal, StartedAt: time.Now()}
	}
	l.positions[k].Status, l.positions[k].Error = events.StatusFailed, &re
	return nil
}

// SetTotal stores the expected number of records.
func (l *Ledger) SetTotal(_ context.Context, t ledger.Target, total ledger.Total) error {
	if err := l.refuse("SetTotal", t.Entity.Name); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.undecided(t.Run); err != nil {
		return err
	}
	l.positions[key{t.Run.Number, t.Entity.Name}].Total = total
	return nil
}

// Stall returns Held.
func (l *Ledger) Stall(_ context.Context, t ledger.Target) (ledger.Stall, error) {
	if err := l.refuse("Stall", t.Entity.Name); err != nil {
		return ledger.Stall{}, err
	}
	return l.Held, nil
}

// Position returns the position of a run in an entity.
func (l *Ledger) Position(number int64, name string) ledger.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := l.positions[key{number, name}]; ok {
		return *p
	}
	return ledger.Position{}
}

// Rows returns the number of stored rows of an entity.
func (l *Ledger) Rows(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.rows[name])
}
