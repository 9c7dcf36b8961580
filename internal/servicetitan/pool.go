package servicetitan

import (
	"context"
	"math"
	"sync"
	"time"
)

// Pool hands out the calls of tenants to everybody who reads them, in whatever process.
type Pool interface {
	// Lease grants as many of the wanted calls as may go out now.
	Lease(ctx context.Context, w LeaseRequest) (LeaseGrant, error)
	// Slow is told that the API refused a call and asked to wait.
	Slow(ctx context.Context, tenantID string, perSecond float64, wait time.Duration) error
}

// LeaseRequest asks for calls of a tenant's budget.
type LeaseRequest struct {
	TenantID  string
	PerSecond float64 // the budget
	Now       int     // calls that wait to go out
	// Ahead are as many more to hold in hand, to be granted where there is slack.
	Ahead       int
	Empty       time.Duration // for how long nothing has been in hand
	Interactive bool          // may use what is kept back for interactive calls
}

// LeaseGrant are calls that were granted.
type LeaseGrant struct {
	Now   int
	Ahead int
	For   time.Duration // how long those ahead may be used, from before they were asked for
	Wait  time.Duration // when to ask for the rest, 0 where all were granted
}

// lone is the pool of a process that shares a tenant with nobody: a bucket of a fifth
// of a second's calls, two at least, of which a fifth, one at least, is left to
// interactive calls.
type lone struct {
	perSecond float64
	mu        sync.Mutex
	calls     float64 // that could go out at the moment at
	at        time.Time
}

const (
	burstShare   = 0.2 // of a second's calls
	reserveShare = 0.2 // of the burst
)

func burstOf(perSecond float64) float64 { return max(2, perSecond*burstShare) }

func newLone(perSecond float64) *lone {
	return &lone{perSecond: perSecond, calls: burstOf(perSecond), at: time.Now()}
}

// Lease grants none ahead: asking costs nothing.
func (l *lone) Lease(_ context.Context, w LeaseRequest) (LeaseGrant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, burst, left := time.Now(), burstOf(l.perSecond), 0.0
	if !w.Interactive {
		left = max(1, burst*reserveShare)
	}
	if now.After(l.at) {
		l.calls, l.at = min(burst, l.calls+l.perSecond*now.Sub(l.at).Seconds()), now
	}
	granted := min(w.Now, max(0, int(math.Floor(l.calls-left+1e-6))))
	l.calls -= float64(granted)
	if granted == w.Now {
		return LeaseGrant{Now: granted}, nil
	}
	wait := l.at.Sub(now) + time.Duration(max(0, left+1-l.calls)/l.perSecond*float64(time.Second))
	return LeaseGrant{Now: granted, Wait: max(wait, time.Microsecond)}, nil
}

// Slow lets nobody call for the wait. It does not go on more slowly after that: nobody
// else makes calls.
func (l *lone) Slow(_ context.Context, _ string, _ float64, wait time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = 0
	if at := time.Now().Add(wait); at.After(l.at) {
		l.at = at
	}
	return nil
}
