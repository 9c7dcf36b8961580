// Package ratelimit defines the lease of API calls, which the ServiceTitan client requests and a
// rate limiter grants, and the size of the token bucket behind it. The limiter in PostgreSQL and
// the local one share them. The package imports only package events.
package ratelimit

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// LeaseRequest requests calls of the rate limit of one tenant.
type LeaseRequest struct {
	TenantID    events.TenantID
	PerSecond   float64       // the rate limit
	Calls       int           // calls that are waiting
	Prefetch    int           // further calls to lease for later, granted if the limit has slack
	Idle        time.Duration // time since the last prefetched call was used or expired
	Interactive bool          // may use the reserve for interactive calls
}

// LeaseGrant is the response to a LeaseRequest.
type LeaseGrant struct {
	Calls    int           // granted of LeaseRequest.Calls
	Prefetch int           // granted of LeaseRequest.Prefetch
	ValidFor time.Duration // how long prefetched calls may be used, counted from the request
	RetryIn  time.Duration // when to request the calls that were not granted, 0 if all were
}

// Burst returns the capacity of the token bucket of a rate limit: the calls of 0.2 s, at least 2.
func Burst(perSecond float64) float64 { return max(2, perSecond*0.2) }

// Reserve returns the part of a burst that only interactive calls may use: a fifth, at least 1.
func Reserve(burst float64) float64 { return max(1, burst*0.2) }
