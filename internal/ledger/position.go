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
	Owner   Execution // of the run; zero fields are not compared
	Entity  string
	Cursor  entity.Cursor
	Version int64
	Counts

	Phase         events.Phase  // the remaining work: reading, sweeping, checking or applying
	Total         int64         // expected records, -1 if unknown
	Status        events.Status // "" until the entity is done
	SkippedReason string
	Warnings      []string // problems that did not fail the entity
	Error         *events.RunError
	StartedAt     time.Time
	UpdatedAt     time.Time // of the last write
}

// Ref returns the reference of the run.
func (p Position) Ref() Ref { return Ref{Number: p.Run, Execution: p.Owner} }

// Done reports whether no work remains.
func (p Position) Done() bool { return p.Status != "" }

// Counts counts pages and records of one entity in a run.
type Counts struct {
	Pages, Fetched, Inserted, Updated, Unchanged, Deleted, Rejected int64
}

// Add adds the counts of another.
func (c *Counts) Add(o Counts) {
	c.Pages += o.Pages
	c.Fetched += o.Fetched
	c.Inserted += o.Inserted
	c.Updated += o.Updated
	c.Unchanged += o.Unchanged
	c.Deleted += o.Deleted
	c.Rejected += o.Rejected
}

// Minus returns the difference to earlier counts.
func (c Counts) Minus(earlier Counts) Counts {
	return Counts{
		Pages: c.Pages - earlier.Pages, Fetched: c.Fetched - earlier.Fetched, Inserted: c.Inserted - earlier.Inserted,
		Updated: c.Updated - earlier.Updated, Unchanged: c.Unchanged - earlier.Unchanged, Deleted: c.Deleted - earlier.Deleted,
		Rejected: c.Rejected - earlier.Rejected,
	}
}

// Result returns the position as a result of the outcome.
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
	// ErrFenced reports that another writer advanced the position. The caller must read the
	// position again and resume there.
	ErrFenced = errors.New("the position was advanced by another worker")
	// ErrBusy reports that another full or rebuild run is reading the entity.
	ErrBusy = errors.New("another run is reading this entity")
	// ErrConflict reports that an event of another kind has the identity.
	ErrConflict = errors.New("another event has this identity")
	// ErrUnknown reports that the ledger has no such request or run.
	ErrUnknown = errors.New("not in the ledger")
)

// EntityState is the freshness of the table of one entity.
type EntityState struct {
	TenantID            string
	Entity              string
	LastFullSync        time.Time
	LastIncrementalSync time.Time
	Records             int64 // live rows
	Status              string
}
