package stream

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	for deliveries, want := range map[uint64]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 9: 256 * time.Second,
		10: 5 * time.Minute, 310: 5 * time.Minute, math.MaxUint64: 5 * time.Minute,
	} {
		low, high := time.Duration(math.MaxInt64), time.Duration(0)
		for range 200 {
			got := RetryDelay(deliveries)
			low, high = min(low, got), max(high, got)
		}
		require.GreaterOrEqual(t, low, want*8/10, "after %d deliveries", deliveries)
		require.LessOrEqual(t, high, want*12/10, "after %d deliveries", deliveries)
		require.Less(t, low, high, "jitter")
	}
}

func TestLogLimiter(t *testing.T) {
	t.Parallel()
	q := newLogLimiter(time.Hour)
	require.True(t, q.allow("a"))
	require.False(t, q.allow("a"))
	require.True(t, q.allow("b"))
	q.last["a"] = time.Now().Add(-2 * time.Hour)
	require.True(t, q.allow("a"))
	for i := range 1000 {
		q.allow(time.Duration(i).String())
	}
	require.LessOrEqual(t, len(q.last), 102)
}
