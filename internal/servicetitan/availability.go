package servicetitan

import (
	"context"
	"net/http"
	"time"

	"github.com/lazi/lazisync/events"
)

// DelayReason is why a call waited.
type DelayReason string

// Reasons of a delay.
const (
	DelayRateLimit       DelayReason = "rate_limit"        // of the tenant's own rate budget
	DelayTooManyRequests DelayReason = "too_many_requests" // ServiceTitan answered 429
)

// DelayReasons lists them.
var DelayReasons = []DelayReason{DelayRateLimit, DelayTooManyRequests}

// Recorder records calls of the API, for metrics. Its methods are safe for concurrent use.
type Recorder interface {
	// Responded records a call: the HTTP status, 0 without a response, and its duration.
	Responded(tenant events.TenantID, status int, took time.Duration)
	// Delayed records how long a call waited before it was sent, or was postponed.
	Delayed(tenant events.TenantID, reason DelayReason, d time.Duration)
}

// nopRecorder records nothing.
type nopRecorder struct{}

func (nopRecorder) Responded(events.TenantID, int, time.Duration)       {}
func (nopRecorder) Delayed(events.TenantID, DelayReason, time.Duration) {}

// outageThreshold is how many calls for a tenant must fail one after another before the log
// says that ServiceTitan is unavailable. A single failure is repeated within seconds.
const outageThreshold = 3

// noteResponse records a call, and logs when ServiceTitan becomes unavailable for a tenant and when it is
// available again. status is 0 if there was no response, whose error is err.
func (c *Client) noteResponse(ctx context.Context, call call, began time.Time, status int, err error) {
	t := call.tenant
	if t == nil || err != nil && ctx.Err() != nil {
		return // the caller stopped waiting
	}
	c.recorder.Responded(t.id, status, c.now().Sub(began))
	if status != 0 && status < http.StatusInternalServerError {
		if lasted, ended := t.outage.Succeed(); ended {
			c.log.Info().Str("tenant", string(t.id)).Int64("duration_ms", lasted.Milliseconds()).Msg("ServiceTitan available again")
		}
		return
	}
	if t.outage.Fail() {
		line := c.log.Warn().Str("tenant", string(t.id)).Str("entity", call.subject).Int("status", status)
		if err != nil {
			line = line.Err(err)
		}
		line.Msg("ServiceTitan unavailable, retrying")
	}
}

// logThrottleStart logs that ServiceTitan throttles the calls of a tenant, once until a call
// succeeds.
func (c *Client) logThrottleStart(t *tenant, entity string, wait time.Duration) {
	if t.throttled.Fail() {
		c.log.Warn().Str("tenant", string(t.id)).Str("entity", entity).Int64("retry_after_ms", wait.Milliseconds()).
			Msg("ServiceTitan throttles calls, waiting")
	}
}

func (c *Client) logThrottleEnd(t *tenant) {
	if lasted, ended := t.throttled.Succeed(); ended {
		c.log.Info().Str("tenant", string(t.id)).Int64("duration_ms", lasted.Milliseconds()).Msg("ServiceTitan no longer throttles calls")
	}
}
