package store

import (
	"context"
	"time"

	"github.com/lazi/lazisync/internal/entity"
)

// LeaseCallsAt is LeaseCalls at a moment of the test's choice.
func (s *Store) LeaseCallsAt(ctx context.Context, w CallsWanted, now time.Time) (CallsLeased, error) {
	return s.leaseCalls(ctx, w, &now)
}

// SlowCallsAt is SlowCalls at a moment of the test's choice.
func (s *Store) SlowCallsAt(ctx context.Context, tenantID string, perSecond float64, wait time.Duration, now time.Time) error {
	return s.slowCalls(ctx, tenantID, perSecond, wait, &now)
}

// PageSQL is the statement with which a build whose catalogue says so stores a page.
func PageSQL(e entity.Entity) string { return pageSQL(e, tableName(e)) }

// PickSQL is the SQL of a column's value in full_data.
func PickSQL(c entity.Column) string { return pick("full_data", c) }
