package ledger

import (
	"errors"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Position is the position of a run in one entity. It is written in the same transaction as the
// rows before it. Version is a fencing token against late writers.
type Position struct {
	Run     int64
	Entity  string
	Cursor  entity.Cursor
	Version int64
	events.Counts

	Phase         events.Phase // the remaining work: reading, sweeping, checking, applying or comparing
	Total         Total
	Status        events.Status // "" until the entity is done
	SkippedReason string
	Differences   *events.Differences // of a verify, once it is done
	Changes       *int64              // rows of raw.changes; nil unless they are all changes of the run
	Warnings      []string            // problems that did not fail the entity
	Error         *events.RunError
	StartedAt     time.Time
	UpdatedAt     time.Time // of the last write
}

// Opened reports whether the position is one of the store. The zero Position is not.
func (p Position) Opened() bool { return p.Run != 0 }

// Done reports whether no work remains.
func (p Position) Done() bool { return p.Status != "" }

// Result returns the position as a result of the outcome.
func (p Position) Result() events.Result {
	return events.Result{
		Entity: p.Entity, Status: p.Status, Counts: p.Counts,
		Differences: p.Differences, Changes: p.Changes, SkippedReason: p.SkippedReason, Warnings: p.Warnings, Error: p.Error,
	}
}

var (
	// ErrFinalized reports that the run has an outcome: nothing may be written for it.
	ErrFinalized = errors.New("the run is finalized")
	// ErrFenced reports that another writer advanced the position. The caller must read the
	// position again and resume there.
	ErrFenced = errors.New("the position was advanced by another worker")
	// ErrBusy reports that another full or rebuild run is reading the entity. A verify is never busy.
	ErrBusy = errors.New("another run is reading this entity")
	// ErrConflict reports that an event of another kind has the identity.
	ErrConflict = errors.New("another event has this identity")
	// ErrUnknown reports that the ledger has no such request or run.
	ErrUnknown = errors.New("not in the ledger")
)

// EntityState is the freshness of the table of one entity.
type EntityState struct {
	TenantID            events.TenantID
	Entity              string
	LastFullSync        time.Time
	LastIncrementalSync time.Time
	Records             int64 // live rows
	Status              string
}
