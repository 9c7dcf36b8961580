// Package backoff computes delays between attempts and waits for them. It imports nothing from
// this module.
package backoff

import (
	"context"
	"time"
)

// Exponential returns the delay after the nth attempt, counted from 1: first, doubled with each
// further attempt, at most limit.
func Exponential(first, limit time.Duration, n uint64) time.Duration {
	delay := first
	for i := uint64(1); i < n && delay < limit; i++ {
		delay *= 2
	}
	return min(delay, limit)
}

// Sleep waits for d, or until ctx is done, and reports whether ctx is not done.
func Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return ctx.Err() == nil
}
