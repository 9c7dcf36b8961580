package activitytest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// Open returns a run's position in an entity.
func (l *Ledger) Open(_ context.Context, number int64, _ string, mode events.Mode, e entity.Entity) (ledger.Position, error) {
	if err := l.refuse("Open", e.Name); err != nil {
		return ledger.Position{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.undecided(number); err != nil {
		return ledger.Position{}, err
	}
	k := key{number, e.Name}
	if p, ok := l.positions[k]; ok {
		return *p, nil
	}
	for _, other := range l.runs {
		p, open := l.positions[key{other.Number, e.Name}]
		if open && !p.Done() && other.State == ledger.Running && other.Mode != events.Incremental && mode != events.Incremental {
			return ledger.Position{}, fmt.Errorf("run %d: %w", other.Number, ledger.ErrBusy)
		}
	}
	p := &ledger.Position{Run: number, Entity: e.Name, Cursor: e.Start(), Total: -1, StartedAt: time.Now()}
	if mode == events.Incremental && l.Resume != (entity.Cursor{}) {
		p.Cursor = l.Resume
	}
	l.positions[k] = p
	return *p, nil
}

// StorePage keeps a page with the position it leads to.
func (l *Ledger) StorePage(ctx context.Context, _ string, _ events.Mode, e entity.Entity, at ledger.Position, p entity.Page) (ledger.Position, error) {
	if err := cmp.Or(l.refuse("StorePage", e.Name), ctx.Err()); err != nil {
		return ledger.Position{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.undecided(at.Run); err != nil {
		return ledger.Position{}, err
	}
	kept := l.positions[key{at.Run, e.Name}]
	if kept.Version != at.Version {
		return ledger.Position{}, ledger.ErrFenced
	}
	if l.rows[e.Name] == nil {
		l.rows[e.Name] = map[string]bool{}
	}
	for _, r := range p.Records {
		if l.rows[e.Name][r.ID] {
			kept.Unchanged++
		} else {
			kept.Inserted++
		}
		l.rows[e.Name][r.ID] = true
	}
	kept.Version++
	kept.Pages++
	kept.Fetched += int64(len(p.Records))
	kept.Cursor = p.Next
	kept.Warnings = append(kept.Warnings, p.Warnings...)
	if p.Last {
		kept.Status = events.StatusCompleted
	}
	return *kept, nil
}

// FailEntity ends an entity.
func (l *Ledger) FailEntity(ctx context.Context, number int64, _ string, e entity.Entity, re events.RunError) error {
	if err := cmp.Or(l.refuse("FailEntity", e.Name), ctx.Err()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.undecided(number); err != nil {
		return err
	}
	k := key{number, e.Name}
	if l.positions[k] == nil { // an entity may fail before it was opened
		l.positions[k] = &ledger.Position{Run: number, Entity: e.Name, Cursor: e.Start(), Total: -1, StartedAt: time.Now()}
	}
	l.positions[k].Status, l.positions[k].Error = events.StatusFailed, &re
	return nil
}

// SetTotal keeps how many records are expected.
func (l *Ledger) SetTotal(_ context.Context, number int64, e entity.Entity, total int64) error {
	if err := l.refuse("SetTotal", e.Name); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.positions[key{number, e.Name}].Total = total
	return nil
}

// Position returns where a run stands in an entity.
func (l *Ledger) Position(number int64, name string) ledger.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := l.positions[key{number, name}]; ok {
		return *p
	}
	return ledger.Position{}
}

// Rows is how many different records of an entity are stored.
func (l *Ledger) Rows(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.rows[name])
}
