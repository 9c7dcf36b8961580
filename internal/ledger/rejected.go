package ledger

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// RejectedRecord is a record that could not be stored. Its bytes are in raw.rejected_records only:
// they may contain personal data.
type RejectedRecord struct {
	Run      int64
	TenantID events.TenantID
	Entity   string
	RecordID string // "" if it has none
	Reason   string
	Bytes    int // size of the record
	At       time.Time
}

// RejectedFilter selects rejected records. Zero fields select all.
type RejectedFilter struct {
	TenantID events.TenantID
	Entity   string
	Run      int64
	Before   time.Time // only records that were rejected earlier: the cursor of the next page
}

// RejectedCount is the number of rejected records of an entity.
type RejectedCount struct {
	TenantID events.TenantID
	Entity   string
	Records  int64
	Run      int64     // the run that rejected the latest one
	Latest   time.Time // when that was
}
