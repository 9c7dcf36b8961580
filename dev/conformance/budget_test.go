package conformance

import (
	"context"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// shared is the pool of one process.
type shared struct {
	*store.Store
	asked *atomic.Int64
}

func (s shared) Lease(ctx context.Context, w servicetitan.LeaseRequest) (servicetitan.LeaseGrant, error) {
	s.asked.Add(1)
	leased, err := s.LeaseCalls(ctx, store.LeaseRequest(w))
	return servicetitan.LeaseGrant(leased), err
}

func (s shared) Throttle(ctx context.Context, tenant string, perSecond float64, wait time.Duration) error {
	return s.ThrottleCalls(ctx, tenant, perSecond, wait)
}

// crowd is several processes that read one tenant of a simulated ServiceTitan with its
// usual limit, each with a client and connections of its own.
type crowd struct {
	testing.TB
	api      *simulator.Simulator
	clients  []*servicetitan.Client
	asked    atomic.Int64 // leases
	customer entity.Entity
}

const crowdTenant = "1039746210"

func newCrowd(t testing.TB, processes int, perSecond float64) *crowd {
	t.Helper()
	customers, _ := entity.Find("customers")
	c := &crowd{TB: t, api: simulator.New(simulator.Options{RecordsPerEntity: 5}), customer: customers}
	server := httptest.NewServer(c.api.Handler())
	t.Cleanup(server.Close)
	address := pgtest.Database(t)
	for i := range processes {
		s, err := store.Open(t.Context(), address, store.Options{MaxConns: 2, Entities: []entity.Entity{customers}})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		if i == 0 {
			_, err = s.Migrate(t.Context())
			require.NoError(t, err)
		}
		c.clients = append(c.clients, servicetitan.New(servicetitan.Options{
			APIURL: server.URL, AuthURL: server.URL, RequestsPerSecond: perSecond, RateLimiter: shared{s, &c.asked},
			Tenants: map[string]servicetitan.Credentials{crowdTenant: {
				ClientID: simulator.DefaultClientID, ClientSecret: simulator.DefaultClientSecret, AppKey: simulator.DefaultAppKey,
			}},
		}))
	}
	return c
}

// rush has every process read as fast as it can with so many slices at once, until ctx ends.
func (c *crowd) rush(ctx context.Context, slices int) *sync.WaitGroup {
	var all sync.WaitGroup
	for _, client := range c.clients {
		for range slices {
			all.Go(func() {
				for ctx.Err() == nil { // a refusal is what the tests look at
					_, _ = client.Page(ctx, crowdTenant, c.customer, c.customer.Start(), false)
				}
			})
		}
	}
	return &all
}

// calls are when the API was called, by its own clock, and how often it refused.
func (c *crowd) calls() (at []time.Time, refused int) {
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

// most is the highest number of calls within any stretch of the given length.
func most(at []time.Time, stretch time.Duration) (n int) {
	for first, i := 0, 0; i < len(at); i++ {
		for at[i].Sub(at[first]) >= stretch {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

// Four processes want far more than there is. The API refuses none of their calls: the
// budget and a burst of a fifth of it make 43 within a second, and it allows 60, which
// leaves room for calls that were let out and reach it late, on a busy machine. All of
// the budget is used; and an interactive caller gets its page long before those who do
// not.
func TestProcessesShareOneRateBudget(t *testing.T) {
	t.Parallel()
	const perSecond, length = 36, 6 * time.Second
	c := newCrowd(t, 4, perSecond)
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	began := time.Now()
	all := c.rush(ctx, 6)
	var waited []time.Duration
	for ctx.Err() == nil {
		asked := time.Now()
		if _, err := c.clients[len(waited)%4].Page(ctx, crowdTenant, c.customer, c.customer.Start(), true); err == nil {
			waited = append(waited, time.Since(asked))
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	all.Wait()
	took := time.Since(began).Seconds()
	at, refused := c.calls()
	slices.Sort(waited)
	t.Logf("%d calls in %.1f s, at most %d within a second; %d leases; interactive calls took %v (median of %d)",
		len(at), took, most(at, time.Second), c.asked.Load(), waited[len(waited)/2], len(waited))
	require.Zero(t, refused, "the API allows 60 calls a second")
	require.LessOrEqual(t, float64(len(at)), perSecond*took+perSecond/5+1)
	require.Greater(t, float64(len(at)), 0.6*perSecond*took)
	// 24 slices share 36 calls a second: each waits two thirds of a second for a page.
	require.Less(t, waited[len(waited)/2], 250*time.Millisecond)
}

// One process gets a 429; all of them pause, and continue at a lower rate.
func TestA429ThrottlesEveryProcess(t *testing.T) {
	t.Parallel()
	const perSecond = 40
	c := newCrowd(t, 3, perSecond)
	ctx, cancel := context.WithCancel(t.Context())
	all := c.rush(ctx, 4)
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
