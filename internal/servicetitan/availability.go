package servicetitan

import (
	"context"
	"net/http"
	"time"
)

// outageThreshold is how many calls for a tenant must fail one after another before the log
// says that ServiceTitan is unavailable. A single failure is repeated within seconds.
const outageThreshold = 3

// noteResponse logs when ServiceTitan becomes unavailable for a tenant and when it is
// available again. status is 0 if there was no response, whose error is err.
func (c *Client) noteResponse(ctx context.Context, call call, status int, err error) {
	t := call.tenant
	if t == nil || err != nil && ctx.Err() != nil {
		return // the caller stopped waiting
	}
	if status != 0 && status < http.StatusInternalServerError {
		if lasted, ended := t.outage.Succeed(); ended {
			c.log.Info().Str("tenant", t.id).Int64("duration_ms", lasted.Milliseconds()).Msg("ServiceTitan available again")
		}
		return
	}
	if t.outage.Fail() {
		line := c.log.Warn().Str("tenant", t.id).Str("entity", call.subject).Int("status", status)
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
		c.log.Warn().Str("tenant", t.id).Str("entity", entity).Int64("retry_after_ms", wait.Milliseconds()).
			Msg("ServiceTitan throttles calls, waiting")
	}
}

func (c *Client) logThrottleEnd(t *tenant) {
	if lasted, ended := t.throttled.Succeed(); ended {
		c.log.Info().Str("tenant", t.id).Int64("duration_ms", lasted.Milliseconds()).Msg("ServiceTitan no longer throttles calls")
	}
}
