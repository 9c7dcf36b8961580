package ledger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Erasure is a record to erase: everything that lazisync has of it is removed.
type Erasure struct {
	TenantID events.TenantID
	Entity   entity.Entity
	ID       string
}

// ActionErase is the action of an erasure in the audit trail.
const ActionErase = "record.erase"

// Target names the record in the audit trail.
func (e Erasure) Target() string { return e.Entity.Name + "/" + e.ID }

// ErasedRecord is the record of an erasure or one that exists only for it, such as a contact of a customer.
type ErasedRecord struct {
	Entity string
	ID     string
}

// ErasedPlace is a table or a stream with the number of rows or messages that an erasure changes there.
type ErasedPlace struct {
	Place string // raw.st_customers or SYNC_EVENTS
	Count int64
	How   EraseEffect
}

// EraseEffect is what an erasure does to a row or message.
type EraseEffect string

const (
	EraseDeleted  EraseEffect = "deleted"  // it is gone
	EraseRedacted EraseEffect = "redacted" // it is kept without the id and what names the record
)

// EraseReference is a table whose rows refer to an erased record and are kept.
type EraseReference struct {
	Table  string
	Column string // "bytes" of raw.rejected_records
	ID     string // of the record that they refer to
	Rows   int64
	SQL    string // lists the rows
}

// EraseReport is what an erasure removes from the database, or would remove.
type EraseReport struct {
	Records    []ErasedRecord
	Places     []ErasedPlace // with a count above 0
	References []EraseReference
	Blockers   []string // runs and requests because of which nothing may be erased now
}

// IDs returns the ids of the records by entity.
func (r EraseReport) IDs() map[string][]string {
	ids := map[string][]string{}
	for _, one := range r.Records {
		ids[one.Entity] = append(ids[one.Entity], one.ID)
	}
	return ids
}

// Add counts rows or messages of a place. It ignores a count of 0.
func (r *EraseReport) Add(place string, how EraseEffect, count int64) {
	if count == 0 {
		return
	}
	if i := slices.IndexFunc(r.Places, func(p ErasedPlace) bool { return p.Place == place && p.How == how }); i >= 0 {
		r.Places[i].Count += count
		return
	}
	r.Places = append(r.Places, ErasedPlace{Place: place, Count: count, How: how})
}

// Summary returns the counts as a text without personal data, for the audit trail.
func (r EraseReport) Summary() string {
	parts := make([]string, len(r.Places))
	for i, p := range r.Places {
		parts[i] = fmt.Sprintf("%s %d %s", p.Place, p.Count, p.How)
	}
	if len(parts) == 0 {
		return "nothing found"
	}
	return strings.Join(parts, ", ")
}

// EraseBlockedError reports that nothing was erased, because a run may still write what it has read of the
// record.
type EraseBlockedError struct{ Blockers []string }

func (e *EraseBlockedError) Error() string {
	return "nothing was erased: " + strings.Join(e.Blockers, "; ")
}

// Permanent reports that a retry at once would fail, too.
func (e *EraseBlockedError) Permanent() bool { return true }
