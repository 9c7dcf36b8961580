package stream

import (
	"math/rand/v2"
	"time"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// RetryDelay is how long to leave a message that was delivered so many times:
// 1 s, 2 s, 4 s, … up to five minutes, give or take a fifth so that what failed
// together does not come back together.
func RetryDelay(deliveries uint64) time.Duration {
	return jitter(doubled(firstRetry, lastRetry, deliveries))
}

// doubled is the n-th delay, n from 1, of a series that doubles up to a limit.
func doubled(first, limit time.Duration, n uint64) time.Duration {
	delay := first
	for i := uint64(1); i < n && delay < limit; i++ {
		delay *= 2
	}
	return min(delay, limit)
}

func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*float64(d)/5)
}
