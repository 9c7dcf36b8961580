package app

import (
	"context"
	"time"

	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/store"
)

// sharedPool has the calls of tenants shared out in PostgreSQL.
type sharedPool struct{ store *store.Store }

// pool is where calls are taken from, nil where the role has no database and makes none.
func (p *process) pool() servicetitan.RateLimiter {
	if p.store == nil {
		return nil
	}
	return sharedPool{p.store}
}

func (s sharedPool) Lease(ctx context.Context, w servicetitan.LeaseRequest) (servicetitan.LeaseGrant, error) {
	leased, err := s.store.LeaseCalls(ctx, store.LeaseRequest(w))
	return servicetitan.LeaseGrant(leased), err
}

func (s sharedPool) Throttle(ctx context.Context, tenantID string, perSecond float64, wait time.Duration) error {
	return s.store.ThrottleCalls(ctx, tenantID, perSecond, wait)
}
