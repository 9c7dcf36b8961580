package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The rate budget of a tenant is a token bucket with the calls of 0.2 s, which fills at the rate
// limit. Leased calls stay in the bucket until they are used or expire. So in any interval at most
// the calls of that interval and one burst are sent, whatever the processes do.
const (
	burstShare    = 0.2 // burst, as a share of the calls per second; at least 2 calls
	reserveShare  = 0.2 // share of the burst that is reserved for interactive calls; at least 1 call
	leaseDuration = 5 * time.Second
	// recoveryPerSecond is the share of the rate that comes back each second after a 429: from
	// half to all of it takes 50 s.
	recoveryPerSecond = 0.01
)

func burstOf(perSecond float64) float64 { return max(2, perSecond*burstShare) }
func reserveOf(burst float64) float64   { return max(1, burst*reserveShare) }

// LeaseRequest requests calls of a tenant's rate budget.
type LeaseRequest struct {
	TenantID    string
	PerSecond   float64       // the rate limit
	Calls       int           // calls that are waiting
	Prefetch    int           // further calls to lease for later, granted if the limit has slack
	Idle        time.Duration // time since the last prefetched call was used or expired
	Interactive bool          // may use the reserve
}

// LeaseGrant is the response to a LeaseRequest.
type LeaseGrant struct {
	Calls    int           // granted of LeaseRequest.Calls
	Prefetch int           // granted of LeaseRequest.Prefetch
	ValidFor time.Duration // how long prefetched calls may be used, counted from the request
	RetryIn  time.Duration // when to request the calls that were not granted, 0 if all were
}

// LeaseCalls takes calls of a tenant's rate budget. It releases what this Store has leased of the tenant
// before. It does not retry: the caller has a local limiter for the case that PostgreSQL fails.
func (s *Store) LeaseCalls(ctx context.Context, w LeaseRequest) (LeaseGrant, error) {
	return s.leaseCalls(ctx, w, nil)
}

func (s *Store) leaseCalls(ctx context.Context, w LeaseRequest, clock *time.Time) (leased LeaseGrant, err error) {
	tenant, err := tenantNumber(w.TenantID)
	if err != nil {
		return leased, fmt.Errorf("lease calls: %w", err)
	}
	burst := burstOf(w.PerSecond)
	var wait float64
	err = s.once(ctx, s.txOptions, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select * from raw.lease_calls($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
			tenant, s.holder, w.PerSecond, burst, reserveOf(burst), recoveryPerSecond, w.Calls, w.Prefetch, leaseDuration, w.Idle, w.Interactive, clock).
			Scan(&leased.Calls, &leased.Prefetch, &wait)
	})
	if err != nil {
		return LeaseGrant{}, fmt.Errorf("lease calls of tenant %s: %w", w.TenantID, err)
	}
	leased.ValidFor, leased.RetryIn = leaseDuration, time.Duration(wait*float64(time.Second))
	return leased, nil
}

// ThrottleCalls records that ServiceTitan answered 429: no process gets a call for the wait, and
// then fewer than before.
func (s *Store) ThrottleCalls(ctx context.Context, tenantID string, perSecond float64, wait time.Duration) error {
	return s.throttleCalls(ctx, tenantID, perSecond, wait, nil)
}

func (s *Store) throttleCalls(ctx context.Context, tenantID string, perSecond float64, wait time.Duration, clock *time.Time) error {
	tenant, err := tenantNumber(tenantID)
	if err != nil {
		return fmt.Errorf("throttle calls: %w", err)
	}
	return s.transact(ctx, "throttle calls of tenant "+tenantID, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select raw.slow_calls($1, $2, $3, $4, $5)", tenant, burstOf(perSecond), recoveryPerSecond, wait, clock)
		return err
	})
}
