package ledger

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// NewField is a field that records of an entity have had since a time after the first complete read, by its
// name: raw.sync_fields has no values.
type NewField struct {
	TenantID    events.TenantID
	Entity      string
	Field       string // path in the record, with dots
	FirstSeenAt time.Time
	Run         int64 // that has seen it first
}
