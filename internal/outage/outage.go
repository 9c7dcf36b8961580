// Package outage detects when a dependency becomes unavailable and when it is available
// again, so that the log has one line for each, however many calls fail in between.
//
// It imports nothing of this module.
package outage

import (
	"sync"
	"time"
)

// Detector follows the calls to one dependency. The zero value regards the dependency as
// available, and begins an outage with the first failure. It is safe for concurrent use.
type Detector struct {
	// Threshold is how many calls must fail, without a successful one in between, before an
	// outage begins. 0 and 1 mean the first failure.
	Threshold int

	mu       sync.Mutex
	failures int
	since    time.Time // the first of these failures
	ongoing  bool
}

// Fail notes a failed call and reports whether an outage begins with it.
func (d *Detector) Fail() (began bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failures++; d.failures == 1 {
		d.since = time.Now()
	}
	if d.ongoing || d.failures < d.Threshold {
		return false
	}
	d.ongoing = true
	return true
}

// Succeed notes a successful call. It reports whether an outage ends with it, and how long
// the outage lasted since its first failure.
func (d *Detector) Succeed() (lasted time.Duration, ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ended = d.ongoing
	if ended {
		lasted = time.Since(d.since)
	}
	d.failures, d.ongoing = 0, false
	return lasted, ended
}

// Ongoing reports whether an outage has begun and not ended.
func (d *Detector) Ongoing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ongoing
}
