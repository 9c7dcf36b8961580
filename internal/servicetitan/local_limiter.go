package servicetitan

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ratelimit"
)

// RateLimiter limits the calls of tenants across all processes that read them. It must be
// safe for concurrent use.
type RateLimiter interface {
	// Lease grants as many of the requested calls as the rate limit allows now. It does not
	// wait.
	Lease(ctx context.Context, r ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error)
	// Throttle reports that the API rejected a call with 429 and asked to wait.
	Throttle(ctx context.Context, tenantID events.TenantID, perSecond float64, wait time.Duration) error
}

// localLimiter is the RateLimiter of a process that shares its tenant with no other: a
// token bucket that holds the calls of a fifth of a second, at least two. A fifth of them,
// at least one, is reserved for interactive calls.
type localLimiter struct {
	perSecond float64
	mu        sync.Mutex
	calls     float64 // available at the time at
	at        time.Time
}

func newLocalLimiter(perSecond float64) *localLimiter {
	return &localLimiter{perSecond: perSecond, calls: ratelimit.Burst(perSecond), at: time.Now()}
}

// Lease grants no prefetched calls, because requests to a local limiter cost nothing. It
// never fails.
func (l *localLimiter) Lease(_ context.Context, r ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, burst, reserve := time.Now(), ratelimit.Burst(l.perSecond), 0.0
	if !r.Interactive {
		reserve = ratelimit.Reserve(burst)
	}
	if now.After(l.at) {
		l.calls, l.at = min(burst, l.calls+l.perSecond*now.Sub(l.at).Seconds()), now
	}
	granted := min(r.Calls, max(0, int(math.Floor(l.calls-reserve+1e-6))))
	l.calls -= float64(granted)
	if granted == r.Calls {
		return ratelimit.LeaseGrant{Calls: granted}, nil
	}
	wait := l.at.Sub(now) + time.Duration(max(0, reserve+1-l.calls)/l.perSecond*float64(time.Second))
	return ratelimit.LeaseGrant{Calls: granted, RetryIn: max(wait, time.Microsecond)}, nil
}

// Throttle blocks all calls for the wait. The rate afterwards is unchanged, because no
// other process makes calls. It never fails.
func (l *localLimiter) Throttle(_ context.Context, _ events.TenantID, _ float64, wait time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = 0
	if at := time.Now().Add(wait); at.After(l.at) {
		l.at = at
	}
	return nil
}
