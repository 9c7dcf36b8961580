package servicetitan

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBudget plays ten seconds of a client that asks for whatever it may.
func TestBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		perSecond  float64
		background int // calls in ten seconds
		all        int
	}{
		"default":       {50, 400, 500},
		"one":           {1, 8, 10},
		"less than one": {0.5, 4, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBudget(c.perSecond)
			background, interactive := 0, 0
			for at := serverClock; at.Before(serverClock.Add(10 * time.Second)); at = at.Add(time.Millisecond) {
				if b.background.AllowN(at, 1) {
					b.all.ReserveN(at, 1)
					background++
				} else if b.all.AllowN(at, 1) {
					interactive++
				}
			}
			burst := float64(b.all.Burst())
			require.InDelta(t, c.background, background, burst+1)
			require.InDelta(t, c.all, background+interactive, burst+1)
		})
	}
}

func TestBudgetWait(t *testing.T) {
	t.Parallel()
	b := newBudget(0.001) // one call now, the next in a quarter of an hour
	require.NoError(t, b.wait(t.Context(), false))
	b.all.SetBurst(2)
	b.all.SetLimit(1e6)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.Error(t, b.wait(ctx, false), "the background's share is used up")
	require.NoError(t, b.wait(ctx, true), "an interactive call does not pass that gate")
}

// TestCallsKeepToTheBudget counts through the client, where a 401 counts too.
func TestCallsKeepToTheBudget(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(401, ""))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := api.client(func(o *Options) { o.RequestsPerSecond = 0.001 }).
		Page(ctx, testTenant, customers(t), customers(t).Start(), true)
	require.ErrorContains(t, err, "waiting for the budget of calls")
	require.Len(t, api.asked(), 1)
}
