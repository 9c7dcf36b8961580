package stream

import (
	"math/rand/v2"
	"time"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// RetryDelay returns the redelivery backoff after the nth delivery: 1 s, 2 s, 4 s and so on,
// up to five minutes, with a jitter of 20 % so that messages that failed together are not
// redelivered together.
func RetryDelay(deliveries uint64) time.Duration {
	return jitter(exponential(firstRetry, lastRetry, deliveries))
}

// exponential returns the nth delay, counted from 1, of a series that doubles up to a limit.
func exponential(first, limit time.Duration, n uint64) time.Duration {
	delay := first
	for i := uint64(1); i < n && delay < limit; i++ {
		delay *= 2
	}
	return min(delay, limit)
}

func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*float64(d)/5)
}
