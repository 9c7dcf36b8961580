package ledger

import (
	"errors"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Position is where a run stands in one entity. It is kept in the same
// transaction as the rows before it; Version fences it against late writers.
type Position struct {
	Run     int64
	Owner   Execution // of the run, as Open was asked; zero fields are not compared
	Entity  string
	Cursor  entity.Cursor
	Version int64
	Counts

	Phase         events.Phase  // what remains to be done: reading, sweeping, checking or applying
	Total         int64         // records expected, -1 when unknown
	Status        events.Status // "" while the entity is being worked on
	SkippedReason string
	Warnings      []string // what people should know, though nothing failed
	Error         *events.RunError
	StartedAt     time.Time
}

// Ref names the run.
func (p Position) Ref() Ref { return Ref{Number: p.Run, Execution: p.Owner} }

// Done says whether nothing remains to be done.
func (p Position) Done() bool { return p.Status != "" }

// Counts are what a run did to one entity so far.
type Counts struct {
	Pages, Fetched, Inserted, Updated, Unchanged, Deleted, Rejected int64
}

// Result is the position as the outcome reports it.
func (p Position) Result() events.Result {
	return events.Result{
		Entity: p.Entity, Status: p.Status, Pages: p.Pages,
		Fetched: p.Fetched, Inserted: p.Inserted, Updated: p.Updated, Unchanged: p.Unchanged,
		Deleted: p.Deleted, Rejected: p.Rejected,
		SkippedReason: p.SkippedReason, Warnings: p.Warnings, Error: p.Error,
	}
}

var (
	// ErrFinalized reports that the run has an outcome: nothing may be written for it.
	ErrFinalized = errors.New("the run is finalized")
	// ErrFenced says that somebody else advanced the position: what the caller
	// read is stale, and a fresh look at the position tells where to go on.
	ErrFenced = errors.New("the position was advanced by another worker")
	// ErrBusy says that another full or rebuild run is reading the entity.
	ErrBusy = errors.New("another run is reading this entity")
	// ErrConflict says that an event of another kind has the identity.
	ErrConflict = errors.New("another event has this identity")
	// ErrUnknown says that the ledger has no such request or run.
	ErrUnknown = errors.New("not in the ledger")
)

// State is the freshness of one entity's table.
type State struct {
	TenantID            string
	Entity              string
	LastFullSync        time.Time
	LastIncrementalSync time.Time
	Records             int64 // live rows
	Status              string
}
