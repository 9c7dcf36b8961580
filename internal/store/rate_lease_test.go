package store_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ratelimit"
	"github.com/lazi/lazisync/internal/store"
)

// callers are processes that make calls of one tenant, in a time of their own.
type callers struct {
	*fixture
	tenant    events.TenantID
	perSecond float64
	now       time.Time
	all       []*caller
	made      []time.Time
	leases    int
}

// caller is one process: it uses its leased calls before it requests more.
type caller struct {
	store  *store.Store
	leased int
	until  time.Time
	empty  time.Time // since when it has nothing
	again  time.Time // when to request again
}

func newCallers(f *fixture, tenant events.TenantID, perSecond float64, processes int) *callers {
	c := &callers{fixture: f, tenant: tenant, perSecond: perSecond, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for range processes {
		c.all = append(c.all, &caller{store: openStore(f, f.url), empty: c.now})
	}
	return c
}

func (c *callers) burst() float64 { return max(2, c.perSecond/5) }

// call makes up to n calls in one process, as many as it may.
func (c *callers) call(p *caller, n int, interactive bool) (made int) {
	c.Helper()
	for ; n > 0 && p.leased > 0 && c.now.Before(p.until); n-- {
		p.leased--
		p.empty = c.now
		made++
	}
	if p.leased > 0 && !c.now.Before(p.until) {
		p.leased, p.empty = 0, p.until
	}
	if n > 0 && (interactive || !c.now.Before(p.again)) {
		got, err := p.store.LeaseAt(c.Context(), ratelimit.LeaseRequest{
			TenantID: c.tenant, PerSecond: c.perSecond, Calls: n, Prefetch: int(c.burst()), Idle: c.now.Sub(p.empty), Interactive: interactive,
		}, c.now)
		require.NoError(c, err)
		require.LessOrEqual(c, got.Calls, n)
		require.Equal(c, got.Calls < n, got.RetryIn > 0, "RetryIn is set if and only if calls were not granted")
		c.leases++
		p.leased, p.until, p.empty, p.again = got.Prefetch, c.now.Add(got.ValidFor), c.now, c.now.Add(got.RetryIn)
		made += got.Calls
	}
	for range made {
		c.made = append(c.made, c.now)
	}
	return made
}

// requireWithin proves that no stretch of time saw more calls than the budget allows
// for it and one burst.
func (c *callers) requireWithin() {
	c.Helper()
	for i := range c.made {
		for j := i; j < len(c.made); j++ {
			stretch := c.made[j].Sub(c.made[i]).Seconds()
			if allowed := c.perSecond*stretch + c.burst() + 1e-3; float64(j-i+1) > allowed {
				require.Failf(c, "too many calls", "%d calls within %.3f s, want at most %.1f of a budget of %v", j-i+1, stretch, allowed, c.perSecond)
			}
			if stretch > 10 {
				break
			}
		}
	}
}

// The rate limit holds when processes send bursts, pause, hoard calls, or end with leased calls.
func TestNoIntervalHasMoreCallsThanTheRateLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i, perSecond := range []float64{0.7, 3, 12.5, 50} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(perSecond, " ", seed), func(t *testing.T) {
				c := newCallers(f, events.TenantID(strconv.Itoa(100+10*i+int(seed))), perSecond, 4)
				dice := rand.New(rand.NewPCG(seed, uint64(i)))
				eager := 0.5
				for range 700 {
					c.now = c.now.Add(time.Duration(dice.ExpFloat64() / perSecond / 2 * float64(time.Second)))
					switch p := c.all[dice.IntN(len(c.all))]; {
					case dice.Float64() < 0.02:
						eager = dice.Float64() // from rest to rush and back
					case dice.Float64() < 0.01:
						c.now = c.now.Add(time.Duration(dice.Float64() * 8 * float64(time.Second)))
					case dice.Float64() < 0.01:
						p.store.Close() // the process ends, and another one starts
						*p = caller{store: openStore(t, f.url), empty: c.now}
					case dice.Float64() < eager:
						c.call(p, 1+dice.IntN(10), dice.Float64() < 0.2)
					}
				}
				require.NotEmpty(t, c.made)
				c.requireWithin()
			})
		}
	}
}

// Four processes that want all there is get all there is, and an interactive call does
// not wait for any of them.
func TestBackgroundCallsLeaveTheReserve(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for tenant, perSecond := range map[events.TenantID]float64{"201": 50, "202": 1.5} {
		c := newCallers(f, tenant, perSecond, 4)
		const seconds = 40
		begin, interactive := c.now, 0
		for step := 0; c.now.Sub(begin) < seconds*time.Second; step++ {
			c.now = c.now.Add(5 * time.Millisecond)
			for i := range c.all {
				c.call(c.all[(step+i)%len(c.all)], 4, false)
			}
			if step%int(400/perSecond) == 1 { // some every second, or few
				require.Equal(t, 1, c.call(c.all[step%len(c.all)], 1, true), "an interactive call waits, at %v calls a second", perSecond)
				interactive++
			}
		}
		c.requireWithin()
		require.Greater(t, interactive, 10)
		require.InDelta(t, perSecond*seconds, len(c.made), c.burst()+0.03*perSecond*seconds, "what may be called is called")
	}
}

// With slack a process asks seldom: a hundred pages, one after another.
func TestPrefetchSavesRoundTrips(t *testing.T) {
	t.Parallel()
	c := newCallers(newFixture(t), "301", 50, 1)
	for range 100 {
		require.Equal(t, 1, c.call(c.all[0], 1, false))
		c.now = c.now.Add(200 * time.Millisecond)
	}
	t.Logf("100 pages took %d round trips for the budget", c.leases)
	require.LessOrEqual(t, c.leases, 15)
}

func TestA429ThrottlesEveryProcessForAWhile(t *testing.T) {
	t.Parallel()
	c := newCallers(newFixture(t), "401", 20, 3)
	rush := func(d time.Duration) int {
		before, end := len(c.made), c.now.Add(d)
		for step := 0; c.now.Before(end); step++ {
			c.now = c.now.Add(10 * time.Millisecond)
			for i := range c.all {
				c.call(c.all[(step+i)%len(c.all)], 4, false)
			}
		}
		return len(c.made) - before
	}
	require.InDelta(t, 200, rush(10*time.Second), 6)

	slow := func() {
		require.NoError(t, c.all[0].store.ThrottleAt(t.Context(), c.tenant, c.perSecond, 3*time.Second, c.now))
	}
	slow()
	slow() // calls that were under way together
	require.Zero(t, rush(2900*time.Millisecond), "no call before the wait is over")
	require.Zero(t, c.call(c.all[1], 1, true), "neither do interactive ones")
	rush(100 * time.Millisecond)
	require.InDelta(t, 105, rush(10*time.Second), 8, "half as fast, and recovering")
	require.InDelta(t, 125, rush(10*time.Second), 8)
	rush(30 * time.Second)
	require.InDelta(t, 200, rush(10*time.Second), 8, "as fast as before")

	for range 8 { // refused again and again
		slow()
		c.now = c.now.Add(3001 * time.Millisecond)
	}
	require.Greater(t, rush(10*time.Second), 10, "never quite still")
	c.requireWithin()
}

func TestEachTenantHasItsOwnRateBudget(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	one, two := newCallers(f, "501", 10, 1), newCallers(f, "502", 10, 1)
	require.Equal(t, 1, one.call(one.all[0], 8, false), "all but the reserve of two")
	require.Equal(t, 1, two.call(two.all[0], 8, false))
	require.NoError(t, one.Throttle(t.Context(), "501", 10, time.Minute))
	got, err := two.Lease(t.Context(), ratelimit.LeaseRequest{TenantID: "503", PerSecond: 10, Calls: 1})
	require.NoError(t, err)
	require.Equal(t, 1, got.Calls)
	_, err = f.Lease(t.Context(), ratelimit.LeaseRequest{TenantID: "acme", PerSecond: 10, Calls: 1})
	require.ErrorContains(t, err, "lease calls of tenant acme: ")
}
