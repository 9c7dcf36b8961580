package ledger

import (
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Target is what a run reads and writes: one entity of one tenant.
type Target struct {
	Run      Ref
	TenantID events.TenantID
	Mode     events.Mode
	Refresh  bool // reads what the requests of the run name
	Entity   entity.Entity
}

// Target returns the target of the run in an entity.
func (r Run) Target(e entity.Entity) Target {
	return Target{Run: r.Ref(), TenantID: r.TenantID, Mode: r.Mode, Refresh: r.Refresh, Entity: e}
}

// ReadsAgain reports whether the second look of a verify reads the entity a second time, because
// its list does not take ids. An export feed is continued instead: it brings what has changed.
func (t Target) ReadsAgain() bool { return t.Mode.Info().ReadOnly && !t.Entity.CanLookUp() }

// MarshalZerologObject adds the keys of the target to a line of the log.
func (t Target) MarshalZerologObject(line *zerolog.Event) {
	line.Stringer("tenant", t.TenantID).Str("mode", string(t.Mode)).Int64("run", t.Run.Number).
		Str("workflow_id", t.Run.Execution.WorkflowID).Str("entity", t.Entity.Name)
}
