package store

import (
	"context"
	"time"
)

// LeaseCallsAt is LeaseCalls at a moment of the test's choice.
func (s *Store) LeaseCallsAt(ctx context.Context, w CallsWanted, now time.Time) (CallsLeased, error) {
	return s.leaseCalls(ctx, w, &now)
}

// SlowCallsAt is SlowCalls at a moment of the test's choice.
func (s *Store) SlowCallsAt(ctx context.Context, tenantID string, perSecond float64, wait time.Duration, now time.Time) error {
	return s.slowCalls(ctx, tenantID, perSecond, wait, &now)
}
