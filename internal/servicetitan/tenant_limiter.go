package servicetitan

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ratelimit"
)

const (
	// maxLimitWait is how long a call waits for the rate limit. If the wait is longer, the
	// call fails and reports the wait, so that the caller can release its worker slot.
	maxLimitWait = 2 * time.Second
	// defaultThrottle is the wait after a 429 that does not name one.
	defaultThrottle = time.Second

	// fallbackShare of the rate limit is what a process uses while the shared limiter is
	// unavailable; ten processes may do so at once. It does not need to be more, because
	// pages usually cannot be stored then either.
	fallbackShare = 0.1
	// leaseTimeout limits a request to the shared limiter, leaseRetry is the time until the
	// next one after a failure.
	leaseTimeout = time.Second
	leaseRetry   = 5 * time.Second
)

// tenantLimiter delays the calls of one tenant. Calls wait in a queue, and one goroutine
// leases all waiting calls at once from the shared limiter. Calls leased beyond those are
// used by later callers. It is safe for concurrent use.
type tenantLimiter struct {
	tenantID  events.TenantID
	perSecond float64
	shared    RateLimiter
	fallback  *localLimiter // while shared is unavailable
	log       zerolog.Logger

	mu        sync.Mutex
	queue     []*waiter
	isServing bool
	urgent    chan struct{} // an interactive call arrived while serve is waiting
	leased    int           // prefetched calls, valid until expires
	expires   time.Time
	idleSince time.Time          // when the last prefetched call was used or expired
	nextLease map[bool]time.Time // earliest time of the next request, by ratelimit.LeaseRequest.Interactive
	downUntil time.Time          // shared is not used before; zero while it works; used by serve only
}

// waiter is a call in the queue.
type waiter struct {
	subject     string
	interactive bool
	ready       chan error
}

// rateLimitError is the error of a call that would wait for longer than maxLimitWait.
type rateLimitError struct {
	perSecond float64
	wait      time.Duration
}

func (e *rateLimitError) Error() string {
	return fmt.Sprintf("rate limit of %v calls/s reached, retrying in %s", e.perSecond, e.wait.Round(100*time.Millisecond))
}

func newTenantLimiter(tenantID events.TenantID, perSecond float64, shared RateLimiter, log zerolog.Logger) *tenantLimiter {
	l := &tenantLimiter{
		tenantID: tenantID, perSecond: perSecond, shared: shared, fallback: newLocalLimiter(perSecond * fallbackShare), log: log,
		urgent: make(chan struct{}, 1), idleSince: time.Now(), nextLease: map[bool]time.Time{},
	}
	if shared == nil {
		l.shared = newLocalLimiter(perSecond)
	}
	return l
}

// wait blocks until the rate limit allows a call. The error is a *rateLimitError or that of
// ctx.
func (l *tenantLimiter) wait(ctx context.Context, subject string, interactive bool) error {
	l.mu.Lock()
	if l.useLeased() {
		l.mu.Unlock()
		return nil
	}
	w := &waiter{subject: subject, interactive: interactive, ready: make(chan error, 1)}
	l.queue = append(l.queue, w)
	if !l.isServing {
		l.isServing = true
		go l.serve()
	} else if interactive {
		select {
		case l.urgent <- struct{}{}:
		default:
		}
	}
	l.mu.Unlock()
	select {
	case err := <-w.ready:
		return err
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		l.queue = slices.DeleteFunc(l.queue, func(other *waiter) bool { return other == w })
		return ctx.Err()
	}
}

// useLeased uses one of the prefetched calls and reports whether there was one. l.mu is held.
func (l *tenantLimiter) useLeased() bool {
	now := time.Now()
	if l.leased > 0 && !now.Before(l.expires) {
		l.leased, l.idleSince = 0, l.expires
	}
	if l.leased == 0 {
		return false
	}
	l.leased--
	l.idleSince = now
	return true
}

// serve leases calls until the queue is empty.
func (l *tenantLimiter) serve() {
	for {
		r, delay, hasWaiters := l.next()
		switch {
		case !hasWaiters:
			return
		case delay > 0:
			select {
			case <-time.After(delay):
			case <-l.urgent:
			}
		default:
			requested := time.Now()
			l.grant(requested, r, l.lease(r))
		}
	}
}

// next returns the next request, or the delay before it, and whether there are waiters.
func (l *tenantLimiter) next() (r ratelimit.LeaseRequest, delay time.Duration, hasWaiters bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLongWaits()
	if len(l.queue) == 0 {
		l.isServing = false
		return r, 0, false
	}
	interactive := slices.ContainsFunc(l.queue, func(w *waiter) bool { return w.interactive })
	if delay := time.Until(l.nextLease[interactive]); delay > 0 {
		return r, delay, true
	}
	r = ratelimit.LeaseRequest{
		TenantID: l.tenantID, PerSecond: l.perSecond, Interactive: interactive,
		Prefetch: int(ratelimit.Burst(l.perSecond)), Idle: time.Since(l.idleSince),
	}
	for _, w := range l.queue {
		if w.interactive == interactive {
			r.Calls++
		}
	}
	return r, 0, true
}

// failLongWaits removes the calls that would wait for longer than maxLimitWait. l.mu is held.
func (l *tenantLimiter) failLongWaits() {
	l.queue = slices.DeleteFunc(l.queue, func(w *waiter) bool {
		wait := time.Until(l.nextLease[w.interactive])
		if wait <= maxLimitWait {
			return false
		}
		w.ready <- &rateLimitError{l.perSecond, wait}
		return true
	})
}

// lease requests calls from the shared limiter, or from the fallback while that is
// unavailable.
func (l *tenantLimiter) lease(r ratelimit.LeaseRequest) ratelimit.LeaseGrant {
	if time.Now().Before(l.downUntil) {
		grant, _ := l.fallback.Lease(context.Background(), r)
		return grant
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaseTimeout)
	defer cancel()
	grant, err := l.shared.Lease(ctx, r)
	if err == nil {
		if !l.downUntil.IsZero() {
			l.log.Info().Str("tenant", string(l.tenantID)).Msg("shared rate limiter available again")
			l.downUntil = time.Time{}
		}
		return grant
	}
	if l.downUntil.IsZero() {
		l.log.Warn().Err(err).Str("tenant", string(l.tenantID)).Float64("per_second", l.perSecond*fallbackShare).
			Msg("shared rate limiter unavailable, this process uses a reduced rate")
	}
	l.downUntil = time.Now().Add(leaseRetry)
	grant, _ = l.fallback.Lease(context.Background(), r)
	return grant
}

// grant releases as many waiters as calls were granted, and keeps the prefetched calls.
func (l *tenantLimiter) grant(requested time.Time, r ratelimit.LeaseRequest, g ratelimit.LeaseGrant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leased, l.expires, l.idleSince = g.Prefetch, requested.Add(g.ValidFor), time.Now()
	l.queue = slices.DeleteFunc(l.queue, func(w *waiter) bool {
		switch {
		case g.Calls > 0 && w.interactive == r.Interactive:
			g.Calls--
		case !l.useLeased():
			return false
		}
		w.ready <- nil
		return true
	})
	if g.RetryIn <= 0 {
		return
	}
	l.postpone(r.Interactive, g.RetryIn)
	if r.Interactive { // other calls have less of the limit than interactive ones
		l.postpone(false, g.RetryIn)
	}
}

// postpone delays the next request. l.mu is held.
func (l *tenantLimiter) postpone(interactive bool, wait time.Duration) {
	if at := time.Now().Add(wait); at.After(l.nextLease[interactive]) {
		l.nextLease[interactive] = at
	}
}

// throttle reports a 429 to the shared limiter, and so to all processes. A wait of 0 means
// the default. Prefetched calls of this process are dropped; those of others may still be
// used.
func (l *tenantLimiter) throttle(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		wait = defaultThrottle
	}
	l.mu.Lock()
	if l.leased > 0 {
		l.leased, l.idleSince = 0, time.Now()
	}
	l.mu.Unlock()
	_ = l.fallback.Throttle(ctx, l.tenantID, l.perSecond, wait) // never fails
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
	defer cancel()
	if err := l.shared.Throttle(ctx, l.tenantID, l.perSecond, wait); err != nil {
		l.log.Warn().Err(err).Str("tenant", string(l.tenantID)).Msg("throttling not shared, other processes may exceed the rate limit")
	}
}

// waiting returns how long a call for subject still waits, 0 if none does.
func (l *tenantLimiter) waiting(subject string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.queue {
		if w.subject == subject {
			return max(0, time.Until(l.nextLease[w.interactive]))
		}
	}
	return 0
}
