package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ratelimit"
)

// The rate budget of a tenant is a token bucket with the calls of 0.2 s, which fills at the rate
// limit. Leased calls stay in the bucket until they are used or expire. So in any interval at most
// the calls of that interval and one burst are sent, whatever the processes do.
const (
	leaseDuration = 5 * time.Second
	// recoveryPerSecond is the share of the rate that comes back each second after a 429: from
	// half to all of it takes 50 s.
	recoveryPerSecond = 0.01
)

// Lease takes calls of a tenant's rate budget. It releases what this Store has leased of the tenant
// before. It does not retry: the caller has a local limiter for the case that PostgreSQL fails.
func (s *Store) Lease(ctx context.Context, w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
	return s.leaseCalls(ctx, w, nil)
}

func (s *Store) leaseCalls(ctx context.Context, w ratelimit.LeaseRequest, clock *time.Time) (leased ratelimit.LeaseGrant, err error) {
	burst := ratelimit.Burst(w.PerSecond)
	var wait float64
	err = s.once(ctx, s.txOptions, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select * from raw.lease_calls($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
			w.TenantID, s.holder, w.PerSecond, burst, ratelimit.Reserve(burst), recoveryPerSecond, w.Calls, w.Prefetch, leaseDuration, w.Idle, w.Interactive, clock).
			Scan(&leased.Calls, &leased.Prefetch, &wait)
	})
	if err != nil {
		return ratelimit.LeaseGrant{}, fmt.Errorf("lease calls of tenant %s: %w", w.TenantID, err)
	}
	leased.ValidFor, leased.RetryIn = leaseDuration, time.Duration(wait*float64(time.Second))
	return leased, nil
}

// Throttle records that ServiceTitan answered 429: no process gets a call for the wait, and
// then fewer than before.
func (s *Store) Throttle(ctx context.Context, tenantID events.TenantID, perSecond float64, wait time.Duration) error {
	return s.throttleCalls(ctx, tenantID, perSecond, wait, nil)
}

func (s *Store) throttleCalls(ctx context.Context, tenantID events.TenantID, perSecond float64, wait time.Duration, clock *time.Time) error {
	return s.exec(ctx, "throttle calls of tenant "+string(tenantID), "select raw.slow_calls($1, $2, $3, $4, $5)",
		tenantID, ratelimit.Burst(perSecond), recoveryPerSecond, wait, clock)
}
