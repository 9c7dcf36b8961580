package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The budget is a bucket of a fifth of a second's calls that fills at the budget's
// rate. Calls that a process holds in hand take up room in it, so that, whatever the
// processes do, within any time no more calls go out than the budget allows for that
// time and one burst.
const (
	burstShare   = 0.2 // of a second's calls may go at once, two at least
	reserveShare = 0.2 // of the burst is left to interactive calls, one at least
	heldFor      = 5 * time.Second
	// recovery is the share of the budget that comes back each second after a refusal:
	// from half to whole takes 50 seconds.
	recovery = 0.01
)

func burstOf(perSecond float64) float64 { return max(2, perSecond*burstShare) }
func reserveOf(burst float64) float64   { return max(1, burst*reserveShare) }

// LeaseRequest asks for calls of one tenant's rate limit.
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
	Calls    int           // of the waiting calls
	Prefetch int           // of the further calls
	ValidFor time.Duration // how long prefetched calls may be used, counted from the request
	RetryIn  time.Duration // when to request the calls that were not granted, 0 if all were
}

// LeaseCalls takes calls of a tenant's budget, in one statement of one try. What this store held in
// hand of the same tenant before is given up.
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
	// One try: whoever asks has something else to go by where PostgreSQL does not answer.
	err = s.once(ctx, s.txOptions, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select * from raw.lease_calls($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
			tenant, s.holder, w.PerSecond, burst, reserveOf(burst), recovery, w.Calls, w.Prefetch, heldFor, w.Idle, w.Interactive, clock).
			Scan(&leased.Calls, &leased.Prefetch, &wait)
	})
	if err != nil {
		return LeaseGrant{}, fmt.Errorf("lease calls of tenant %s: %w", w.TenantID, err)
	}
	leased.ValidFor, leased.RetryIn = heldFor, time.Duration(wait*float64(time.Second))
	return leased, nil
}

// ThrottleCalls is told that ServiceTitan refused a call: nobody gets any for the wait, and
// then fewer.
func (s *Store) ThrottleCalls(ctx context.Context, tenantID string, perSecond float64, wait time.Duration) error {
	return s.slowCalls(ctx, tenantID, perSecond, wait, nil)
}

func (s *Store) slowCalls(ctx context.Context, tenantID string, perSecond float64, wait time.Duration, clock *time.Time) error {
	tenant, err := tenantNumber(tenantID)
	if err != nil {
		return fmt.Errorf("slow calls down: %w", err)
	}
	return s.transact(ctx, "slow calls of tenant "+tenantID+" down", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select raw.slow_calls($1, $2, $3, $4, $5)", tenant, burstOf(perSecond), recovery, wait, clock)
		return err
	})
}
