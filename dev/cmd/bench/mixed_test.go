package main

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// quantityOf returns a quantity with a value every minute for an hour and a half, of which the slope uses the last
// hour. A request is finished every second.
func quantityOf(q quantity, value func(minute int) float64) *quantity {
	for minute := range 90 {
		q.points = append(q.points, point{hours: float64(minute) / 60, finished: float64(minute * 60), value: value(minute)})
	}
	return &q
}

func TestSlopeLeavesOutTheWarmUp(t *testing.T) {
	t.Parallel()
	q := quantityOf(quantity{}, func(minute int) float64 {
		if minute < 30 {
			return float64(100 * minute)
		}
		return 50 + float64(minute)/10
	})
	slope, deviation := q.slope()
	require.InDelta(t, 6, slope, 1e-9)
	require.InDelta(t, 0, deviation, 1e-9)
	q.perRequest = true
	slope, _ = q.slope()
	require.InDelta(t, 0.1/60, slope, 1e-9)
}

func TestSlopeOfFewPointsIsUncertain(t *testing.T) {
	t.Parallel()
	for n := range 4 {
		q := quantity{bound: 1, points: make([]point, n)}
		_, deviation := q.slope()
		require.Equal(t, math.Inf(1), deviation, "%d points", n)
		require.NoError(t, (&measurements{all: []*quantity{&q}}).check())
	}
}

func TestGrowthBeyondABoundIsAnError(t *testing.T) {
	t.Parallel()
	grows := func(perHour, noise float64) func(int) float64 {
		return func(minute int) float64 { return 100 + perHour*float64(minute)/60 + noise*float64(minute%2) }
	}
	for name, one := range map[string]struct {
		q    *quantity
		want string
	}{
		"flat":                 {quantityOf(quantity{name: "worker", unit: "MiB resident", bound: 5}, grows(0, 3)), ""},
		"below":                {quantityOf(quantity{name: "worker", unit: "MiB resident", bound: 5}, grows(4, 0)), ""},
		"above":                {quantityOf(quantity{name: "worker", unit: "MiB resident", bound: 5}, grows(6, 0)), "worker grows by 6.00 MiB resident an hour, want at most 5.00"},
		"above, but uncertain": {quantityOf(quantity{name: "worker", unit: "MiB resident", bound: 5}, grows(6, 40)), ""},
		"per request":          {quantityOf(quantity{name: "SQLite", unit: "MiB", bound: 10, perRequest: true}, grows(30, 0)), ""},
		"too much per request": {quantityOf(quantity{name: "SQLite", unit: "MiB", bound: 10, perRequest: true}, grows(3600, 0)), "SQLite grows by 1.00 MiB a request, want at most 0.010"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := (&measurements{all: []*quantity{one.q}}).check()
			if one.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, one.want)
			}
		})
	}
}

func TestEachSentRequestNeedsOneOutcome(t *testing.T) {
	t.Parallel()
	s := &sentRequests{sent: map[string]bool{}, outcomes: map[string]int{}, runs: map[string]int{}}
	s.add("a")
	s.add("b")
	require.Equal(t, 2, s.open())
	s.outcomes["a"], s.outcomes["other"] = 1, 1
	require.EqualError(t, s.check(), "of 2 requests: 1 without an outcome, 0 with several, want none; 0 runs failed, want none")
	s.outcomes["b"] = 1
	require.NoError(t, s.check())
	require.Equal(t, 3, s.finished())
	s.outcomes["b"]++
	require.ErrorContains(t, s.check(), "1 with several")
	s.outcomes["b"], s.runs[events.Failed.Subject] = 1, 1
	require.ErrorContains(t, s.check(), "1 runs failed")
}

func TestGatewaysTakeTurnsAndNoteWhatTheyAccept(t *testing.T) {
	t.Parallel()
	calls := [2]int{}
	var roles []*role
	for i := range calls {
		url := testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls[i]++
			if r.URL.Path == "/full" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, err := w.Write([]byte(`{"requestId":"` + r.URL.Path + `"}`))
			require.NoError(t, err)
		}))
		roles = append(roles, &role{gateway: url})
	}
	g := &gateways{sent: &sentRequests{sent: map[string]bool{}, outcomes: map[string]int{}}}
	client := &http.Client{Transport: g, Timeout: time.Minute}
	_, err := client.Get("http://gateways/none")
	require.ErrorContains(t, err, "no gateway")
	g.set(append(roles, &role{name: "bridge"}))
	for _, path := range []string{"/a", "/b", "/full", "/c"} {
		response, err := client.Get("http://gateways" + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	require.Equal(t, [2]int{2, 2}, calls)
	require.Equal(t, map[string]bool{"/a": true, "/b": true, "/c": true}, g.sent.sent)
	require.Equal(t, 3, g.taken)
}

func TestRetentionIsReadable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "10 minutes", retention(10*time.Minute))
	require.Equal(t, "30 days", retention(30*24*time.Hour))
}
