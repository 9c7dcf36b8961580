package servicetitan

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ratelimit"
)

// fakeLimiter responds as the test defines, and records requests.
type fakeLimiter struct {
	response func(w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error)

	mu        sync.Mutex
	requests  []ratelimit.LeaseRequest
	throttled []time.Duration
}

func (p *fakeLimiter) Lease(ctx context.Context, w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
	p.mu.Lock()
	p.requests = append(p.requests, w)
	p.mu.Unlock()
	return p.response(w)
}

func (p *fakeLimiter) Throttle(_ context.Context, _ events.TenantID, _ float64, wait time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.throttled = append(p.throttled, wait)
	return nil
}

// generous grants all calls and some more.
func generous(w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
	return ratelimit.LeaseGrant{Calls: w.Calls, Prefetch: 7, ValidFor: 5 * time.Second}, nil
}

// Clients use the whole rate limit, in virtual time.
func TestLocalLimiter(t *testing.T) {
	t.Parallel()
	for name, perSecond := range map[string]float64{"default": 50, "one": 1, "less than one": 0.6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const seconds = 40
				l := newTenantLimiter("1", perSecond, nil, zerolog.Nop())
				ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
				defer cancel()
				var all sync.WaitGroup
				var made atomic.Int64
				for range 8 {
					all.Go(func() {
						for l.wait(ctx, "jobs", false) == nil {
							made.Add(1)
						}
					})
				}
				for n := 0; n < seconds/4; n++ { // one now and then, which waits for none of them
					time.Sleep(3900 * time.Millisecond)
					began := time.Now()
					require.NoError(t, l.wait(ctx, "customers", true))
					require.Zero(t, time.Since(began))
					made.Add(1)
				}
				all.Wait()
				require.InDelta(t, perSecond*seconds, made.Load(), ratelimit.Burst(perSecond)+1)
				time.Sleep(maxLimitWait) // until serve returns
			})
		})
	}
}

func TestWaitingCallsAreLeasedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := &fakeLimiter{response: func(w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
			if w.Calls > 4 {
				return ratelimit.LeaseGrant{Calls: 4, RetryIn: 100 * time.Millisecond}, nil
			}
			return ratelimit.LeaseGrant{Calls: w.Calls}, nil
		}}
		l := newTenantLimiter("1", 50, pool, zerolog.Nop())
		first := make(chan struct{})
		response := pool.response
		pool.response = func(w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
			<-first
			pool.response = response
			return response(w)
		}
		began := time.Now()
		var all sync.WaitGroup
		call := func() { require.NoError(t, l.wait(t.Context(), "jobs", false)) }
		all.Go(call)
		synctest.Wait() // the request is in flight
		for range 8 {
			all.Go(call)
		}
		synctest.Wait()
		close(first)
		all.Wait()
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		var requested []int
		for _, w := range pool.requests {
			requested = append(requested, w.Calls)
		}
		require.Equal(t, []int{1, 8, 4}, requested)
	})
}

func TestPrefetchingSavesRoundTrips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := &fakeLimiter{response: generous}
		l := newTenantLimiter("1", 50, pool, zerolog.Nop())
		for range 100 {
			require.NoError(t, l.wait(t.Context(), "jobs", false))
			time.Sleep(200 * time.Millisecond)
		}
		require.Len(t, pool.requests, 13) // 8 at a time
		time.Sleep(time.Minute)           // the leased calls expire
		require.NoError(t, l.wait(t.Context(), "jobs", false))
		require.Len(t, pool.requests, 14)
		require.GreaterOrEqual(t, pool.requests[13].Idle, 50*time.Second)
	})
}

func TestLongWaitForTheRateLimitIsAnError(t *testing.T) {
	t.Parallel()
	pool := &fakeLimiter{response: func(w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
		return ratelimit.LeaseGrant{RetryIn: 37 * time.Second}, nil
	}}
	api := newFakeAPI(t, respond(200, `{"hasMore":false,"data":[]}`))
	client := api.client(func(o *Options) { o.RateLimiter, o.RequestsPerSecond = pool, 50 })
	e := customers(t)
	for range 2 { // the second is not requested
		_, err := client.Page(t.Context(), testTenant, e, e.Start(), true)
		var failed *Error
		require.ErrorAs(t, err, &failed)
		require.InDelta(t, 37, failed.RetryAfter().Seconds(), 5)
		require.Equal(t, APIError, failed.Kind)
		require.False(t, failed.Permanent())
		require.True(t, failed.RateLimited())
		require.ErrorContains(t, err, "not sent: rate limit of 50 calls/s reached, retrying in 3")
	}
	require.Len(t, pool.requests, 1)
	require.Empty(t, api.requests())
}

func TestA429IsShared(t *testing.T) {
	t.Parallel()
	pool := &fakeLimiter{response: generous}
	api := newFakeAPI(t, respond(429, `{"title": "Rate limit is exceeded. Try again in 50 seconds."}`))
	client := api.client(func(o *Options) { o.RateLimiter = pool })
	require.Equal(t, 50*time.Second, pageError(t, client).RetryAfter())
	require.Equal(t, []time.Duration{50 * time.Second}, pool.throttled)
	require.Equal(t, 429, pageError(t, client).Status)
	require.Len(t, pool.requests, 2, "the leased calls are dropped")
}

func TestInteractiveCallsDoNotWaitForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := &fakeLimiter{response: func(w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
			if w.Interactive {
				return ratelimit.LeaseGrant{Calls: w.Calls}, nil
			}
			return ratelimit.LeaseGrant{RetryIn: 1500 * time.Millisecond}, nil
		}}
		l := newTenantLimiter("1", 50, pool, zerolog.Nop())
		ctx, cancel := context.WithCancel(t.Context())
		background := make(chan error, 1)
		go func() { background <- l.wait(ctx, "jobs", false) }()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, l.wait(t.Context(), "customers", true))
		require.Zero(t, time.Since(began))
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, time.Second, l.waiting("jobs"))
		require.Zero(t, l.waiting("customers"))
		cancel()
		require.ErrorIs(t, <-background, context.Canceled)
		require.Zero(t, l.waiting("jobs"), "a canceled call does not wait")
		time.Sleep(maxLimitWait) // until serve returns
		l.mu.Lock()
		defer l.mu.Unlock()
		require.False(t, l.isServing)
	})
}

func TestWithoutTheSharedLimiterAProcessUsesAReducedRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		failing := errors.New("connection refused")
		pool := &fakeLimiter{response: func(w ratelimit.LeaseRequest) (ratelimit.LeaseGrant, error) {
			if failing != nil {
				return ratelimit.LeaseGrant{}, failing
			}
			return ratelimit.LeaseGrant{Calls: w.Calls}, nil
		}}
		l := newTenantLimiter("77", 50, pool, zerolog.New(&log))
		count := func(d time.Duration) (made int) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			for l.wait(ctx, "jobs", false) == nil {
				made++
				time.Sleep(time.Millisecond)
			}
			return made
		}
		require.InDelta(t, 100, count(20*time.Second), 5, "a tenth of the limit")
		synctest.Wait()
		require.InDelta(t, 4, len(pool.requests), 1, "few requests to the shared limiter")
		require.Contains(t, log.String(), `"tenant":"77","per_second":5,"message":"shared rate limiter unavailable, this process uses a reduced rate"`)
		require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "logged once")
		failing = nil
		time.Sleep(leaseRetry)
		require.Greater(t, count(time.Second), 500)
		require.Contains(t, log.String(), "shared rate limiter available again")
	})
}

// TestCallsKeepWithinTheRateLimit counts calls of the client, including those with a 401.
func TestCallsKeepWithinTheRateLimit(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(401, ""))
	_, err := api.client(func(o *Options) { o.RequestsPerSecond = 0.001 }).
		Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
	require.ErrorContains(t, err, "rate limit of 0.001 calls/s reached")
	require.Len(t, api.requests(), 1)
}
