package stream

import (
	"math/rand/v2"
	"time"

	"github.com/lazi/lazisync/internal/backoff"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// RetryDelay returns the redelivery backoff after the nth delivery: 1 s, 2 s, 4 s and so on,
// up to five minutes, with a jitter of 20 % so that messages that failed together are not
// redelivered together.
func RetryDelay(deliveries uint64) time.Duration {
	return jitter(backoff.Exponential(firstRetry, lastRetry, deliveries))
}

func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*float64(d)/5)
}
