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
)

// fakePool answers as a test says, and remembers.
type fakePool struct {
	answer func(w LeaseRequest) (LeaseGrant, error)

	mu     sync.Mutex
	wanted []LeaseRequest
	slowed []time.Duration
}

func (p *fakePool) Lease(ctx context.Context, w LeaseRequest) (LeaseGrant, error) {
	p.mu.Lock()
	p.wanted = append(p.wanted, w)
	p.mu.Unlock()
	return p.answer(w)
}

func (p *fakePool) Slow(_ context.Context, _ string, _ float64, wait time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slowed = append(p.slowed, wait)
	return nil
}

// generous grants everything, and holds something ahead.
func generous(w LeaseRequest) (LeaseGrant, error) {
	return LeaseGrant{Now: w.Now, Ahead: 7, For: 5 * time.Second}, nil
}

// TestBudgetOfOneProcess plays callers that want all there is, in virtual time.
func TestBudgetOfOneProcess(t *testing.T) {
	t.Parallel()
	for name, perSecond := range map[string]float64{"default": 50, "one": 1, "less than one": 0.6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const seconds = 40
				b := newBudget("1", perSecond, nil, zerolog.Nop())
				ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
				defer cancel()
				var all sync.WaitGroup
				var made atomic.Int64
				for range 8 {
					all.Go(func() {
						for b.take(ctx, "jobs", false) == nil {
							made.Add(1)
						}
					})
				}
				for n := 0; n < seconds/4; n++ { // one now and then, which waits for none of them
					time.Sleep(3900 * time.Millisecond)
					began := time.Now()
					require.NoError(t, b.take(ctx, "customers", true))
					require.Zero(t, time.Since(began))
					made.Add(1)
				}
				all.Wait()
				require.InDelta(t, perSecond*seconds, made.Load(), burstOf(perSecond)+1)
				time.Sleep(longestWait) // what asks for calls ends
			})
		})
	}
}

func TestCallsThatWaitAreAskedForTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := &fakePool{answer: func(w LeaseRequest) (LeaseGrant, error) {
			if w.Now > 4 {
				return LeaseGrant{Now: 4, Wait: 100 * time.Millisecond}, nil
			}
			return LeaseGrant{Now: w.Now}, nil
		}}
		b := newBudget("1", 50, pool, zerolog.Nop())
		first := make(chan struct{})
		answer := pool.answer
		pool.answer = func(w LeaseRequest) (LeaseGrant, error) { <-first; pool.answer = answer; return answer(w) }
		began := time.Now()
		var all sync.WaitGroup
		call := func() { require.NoError(t, b.take(t.Context(), "jobs", false)) }
		all.Go(call)
		synctest.Wait() // it is being asked for
		for range 8 {
			all.Go(call)
		}
		synctest.Wait()
		close(first)
		all.Wait()
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		var asked []int
		for _, w := range pool.wanted {
			asked = append(asked, w.Now)
		}
		require.Equal(t, []int{1, 8, 4}, asked)
	})
}

func TestSlackCostsFewRoundTrips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := &fakePool{answer: generous}
		b := newBudget("1", 50, pool, zerolog.Nop())
		for range 100 {
			require.NoError(t, b.take(t.Context(), "jobs", false))
			time.Sleep(200 * time.Millisecond)
		}
		require.Len(t, pool.wanted, 13) // 8 at a time
		time.Sleep(time.Minute)         // what is in hand lapses
		require.NoError(t, b.take(t.Context(), "jobs", false))
		require.Len(t, pool.wanted, 14)
		require.GreaterOrEqual(t, pool.wanted[13].Empty, 50*time.Second)
	})
}

func TestACallThatWaitsTooLongFailsAndSaysHowLong(t *testing.T) {
	t.Parallel()
	pool := &fakePool{answer: func(w LeaseRequest) (LeaseGrant, error) { return LeaseGrant{Wait: 37 * time.Second}, nil }}
	api := newFakeAPI(t, respond(200, `{"hasMore":false,"data":[]}`))
	client := api.client(func(o *Options) { o.Pool, o.RequestsPerSecond = pool, 50 })
	e := customers(t)
	for range 2 { // the second is not even asked for
		_, err := client.Page(t.Context(), testTenant, e, e.Start(), true)
		var failed *Error
		require.ErrorAs(t, err, &failed)
		require.InDelta(t, 37, failed.RetryAfter().Seconds(), 5)
		require.Equal(t, APIError, failed.Kind)
		require.False(t, failed.Permanent())
		require.True(t, failed.RateLimited())
		require.ErrorContains(t, err, "not asked: the budget of 50 calls a second is used up; the next may go out in 3")
	}
	require.Len(t, pool.wanted, 1)
	require.Empty(t, api.asked())
}

func TestARefusalIsToldToEverybody(t *testing.T) {
	t.Parallel()
	pool := &fakePool{answer: generous}
	api := newFakeAPI(t, respond(429, `{"title": "Rate limit is exceeded. Try again in 50 seconds."}`))
	client := api.client(func(o *Options) { o.Pool = pool })
	require.Equal(t, 50*time.Second, pageError(t, client).RetryAfter())
	require.Equal(t, []time.Duration{50 * time.Second}, pool.slowed)
	require.Equal(t, 429, pageError(t, client).Status)
	require.Len(t, pool.wanted, 2, "what was in hand is given up")
}

func TestInteractiveCallsDoNotWaitForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := &fakePool{answer: func(w LeaseRequest) (LeaseGrant, error) {
			if w.Interactive {
				return LeaseGrant{Now: w.Now}, nil
			}
			return LeaseGrant{Wait: 1500 * time.Millisecond}, nil
		}}
		b := newBudget("1", 50, pool, zerolog.Nop())
		ctx, cancel := context.WithCancel(t.Context())
		background := make(chan error, 1)
		go func() { background <- b.take(ctx, "jobs", false) }()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, b.take(t.Context(), "customers", true))
		require.Zero(t, time.Since(began))
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, time.Second, b.waiting("jobs"))
		require.Zero(t, b.waiting("customers"))
		cancel()
		require.ErrorIs(t, <-background, context.Canceled)
		require.Zero(t, b.waiting("jobs"), "a call that is given up waits no longer")
		time.Sleep(longestWait) // what asks for calls ends
		b.mu.Lock()
		defer b.mu.Unlock()
		require.False(t, b.serving)
	})
}

func TestWithoutThePoolAProcessKeepsToAPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		failing := errors.New("connection refused")
		pool := &fakePool{answer: func(w LeaseRequest) (LeaseGrant, error) {
			if failing != nil {
				return LeaseGrant{}, failing
			}
			return LeaseGrant{Now: w.Now}, nil
		}}
		b := newBudget("77", 50, pool, zerolog.New(&log))
		count := func(d time.Duration) (made int) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			for b.take(ctx, "jobs", false) == nil {
				made++
				time.Sleep(time.Millisecond)
			}
			return made
		}
		require.InDelta(t, 100, count(20*time.Second), 5, "a tenth of the budget")
		synctest.Wait()
		require.InDelta(t, 4, len(pool.wanted), 1, "and the pool asked seldom")
		require.Contains(t, log.String(), `"tenant_id":"77","per_second":5,"message":"the budget of calls cannot be shared: this process keeps to a part of it"`)
		require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "told once")
		failing = nil
		time.Sleep(poolRetry)
		require.Greater(t, count(time.Second), 500)
		require.Contains(t, log.String(), "the budget of calls is shared again")
	})
}

// TestCallsKeepToTheBudget counts through the client, where a 401 counts too.
func TestCallsKeepToTheBudget(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(401, ""))
	_, err := api.client(func(o *Options) { o.RequestsPerSecond = 0.001 }).
		Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
	require.ErrorContains(t, err, "the budget of 0.001 calls a second is used up")
	require.Len(t, api.asked(), 1)
}
