package conformance

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ratelimit"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// sharedLimiter is the shared rate limiter as one process uses it.
type sharedLimiter struct {
	*store.Store
	leases *atomic.Int64
}

func (s sharedLimiter) Lease(ctx context.Context, r ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
	s.leases.Add(1)
	return s.Store.Lease(ctx, r)
}

// processes are several processes that read one tenant of a simulated ServiceTitan with its default
// rate limit. Each has its own client and connections.
type processes struct {
	testing.TB
	api      *simulator.Simulator
	clients  []*servicetitan.Client
	leases   atomic.Int64
	customer entity.Entity
}

const sharedTenant = "1039746210"

func newProcesses(t testing.TB, count int, perSecond float64) *processes {
	t.Helper()
	customers, _ := entity.Find("customers")
	c := &processes{TB: t, api: simulator.New(simulator.Options{RecordsPerEntity: 5}), customer: customers}
	server := testserver.Start(t, c.api.Handler())
	address := pgtest.Database(t)
	for i := range count {
		s, err := store.Open(t.Context(), address, store.Options{MaxConns: 2, Entities: []entity.Entity{customers}})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		if i == 0 {
			_, err = s.Migrate(t.Context())
			require.NoError(t, err)
		}
		c.clients = append(c.clients, servicetitan.New(servicetitan.Options{
			APIURL: server, AuthURL: server, RequestsPerSecond: perSecond, RateLimiter: sharedLimiter{s, &c.leases},
			Tenants: map[events.TenantID]servicetitan.Credentials{sharedTenant: {
				ClientID: simulator.DefaultClientID, ClientSecret: simulator.DefaultClientSecret, AppKey: simulator.DefaultAppKey,
			}},
		}))
	}
	return c
}

// readAll lets every process read as fast as it can, with the given number of slices in parallel,
// until ctx ends.
func (c *processes) readAll(ctx context.Context, slices int) *sync.WaitGroup {
	var all sync.WaitGroup
	for _, client := range c.clients {
		for range slices {
			all.Go(func() {
				for ctx.Err() == nil { // the tests count the errors
					_, _ = client.Page(ctx, sharedTenant, c.customer, c.customer.Start(), false)
				}
			})
		}
	}
	return &all
}

// calls returns the times of the API calls, by the simulator's clock, and how many of them got a
// 429.
func (c *processes) calls() (at []time.Time, refused int) {
	for _, call := range c.api.Stats().Requests {
		if call.On == "token" {
			continue
		}
		at = append(at, call.At)
		if call.Status == 429 {
			refused++
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return at, refused
}

// maxCallsWithin returns the highest number of calls within any window of the given length.
func maxCallsWithin(at []time.Time, window time.Duration) (n int) {
	for first, i := 0, 0; i < len(at); i++ {
		for at[i].Sub(at[first]) >= window {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

// Four processes need more calls than the rate budget has. The API answers none of them with 429:
// the budget and a burst of a fifth of it allow 43 calls within a second, and the API allows 60.
// The difference covers calls that leave in time and arrive late on a busy machine. The whole
// budget is used, and an interactive caller gets its page long before the others.
func TestProcessesShareOneRateBudget(t *testing.T) {
	t.Parallel()
	const perSecond, length = 36, 6 * time.Second
	c := newProcesses(t, 4, perSecond)
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	began := time.Now()
	all := c.readAll(ctx, 6)
	var waits []time.Duration
	for ctx.Err() == nil {
		sent := time.Now()
		if _, err := c.clients[len(waits)%4].Page(ctx, sharedTenant, c.customer, c.customer.Start(), true); err == nil {
			waits = append(waits, time.Since(sent))
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	all.Wait()
	took := time.Since(began).Seconds()
	at, refused := c.calls()
	slices.Sort(waits)
	t.Logf("%d calls in %.1f s, at most %d within a second; %d leases; interactive calls took %v (median of %d)",
		len(at), took, maxCallsWithin(at, time.Second), c.leases.Load(), waits[len(waits)/2], len(waits))
	require.Zero(t, refused, "the API allows 60 calls a second")
	require.LessOrEqual(t, float64(len(at)), perSecond*took+perSecond/5+1)
	require.Greater(t, float64(len(at)), 0.6*perSecond*took)
	// 24 slices share 36 calls a second: each waits two thirds of a second for a page.
	require.Less(t, waits[len(waits)/2], 250*time.Millisecond)
}

// One process gets a 429; all of them pause, and continue at a lower rate.
func TestA429ThrottlesEveryProcess(t *testing.T) {
	t.Parallel()
	const perSecond = 40
	c := newProcesses(t, 3, perSecond)
	ctx, cancel := context.WithCancel(t.Context())
	all := c.readAll(ctx, 4)
	defer func() { cancel(); all.Wait() }()
	count := func() int { at, _ := c.calls(); return len(at) }
	require.Eventually(t, func() bool { return count() > 2*perSecond }, time.Minute, 10*time.Millisecond)
	require.NoError(t, c.api.AddFault(simulator.Fault{Kind: "429", WaitSeconds: 3, RetryAfter: true}))
	require.Eventually(t, func() bool { _, refused := c.calls(); return refused > 0 }, time.Minute, 10*time.Millisecond)
	before := count()
	require.Eventually(t, func() bool { return count() > before+2*perSecond }, time.Minute, 10*time.Millisecond)
	cancel()
	all.Wait()

	at, refused := c.calls()
	require.Equal(t, 1, refused)
	pause, resumed := time.Duration(0), 0
	for i := 1; i < len(at); i++ {
		if gap := at[i].Sub(at[i-1]); gap > pause {
			pause, resumed = gap, i
		}
	}
	after := at[resumed:]
	took := after[len(after)-1].Sub(after[0]).Seconds()
	t.Logf("no calls for %v; then %.1f calls a second", pause, float64(len(after)-1)/took)
	require.Greater(t, pause, 2500*time.Millisecond)
	require.Less(t, float64(len(after)-1)/took, 0.7*perSecond)
}
