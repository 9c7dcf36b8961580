// Package backoff computes delays between attempts. It imports nothing from this module.
package backoff

import "time"

// Exponential returns the delay after the nth attempt, counted from 1: first, doubled with each
// further attempt, at most limit.
func Exponential(first, limit time.Duration, n uint64) time.Duration {
	delay := first
	for i := uint64(1); i < n && delay < limit; i++ {
		delay *= 2
	}
	return min(delay, limit)
}
