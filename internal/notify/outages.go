package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
)

// Incident is a series of failures of the same tenant and mode, from the first one to the next
// completed run, or a time for which entities are stale.
type Incident struct {
	Key      string // unique
	Failures int    // so far; 0 for stale entities
	Since    time.Time
}

// outage has the failures of a tenant and mode since the last completed run, so that the next
// completed run is notified as a recovery, once, also if it asks for no notification.
type outage struct {
	Failures    int       `json:"failures"`
	Since       time.Time `json:"since"` // of the first failure
	Last        time.Time `json:"last"`  // of the latest one
	Channels    []string  `json:"channels,omitempty"`
	RecoveredBy string    `json:"recoveredBy,omitempty"` // ID of the event that ended the outage
}

// stateTimeout bounds a call of State. A missing permission shows as a timeout.
const stateTimeout = 2 * time.Second

// errStateUnavailable makes an event wait, for as many redeliveries as stateRetries. A failure
// must be notified, though, also if nothing is known of its incident.
var errStateUnavailable = errors.New("state unavailable")

const stateRetries = 2

// observe records the end of a run, which is notified to the channels, and returns the channels
// to notify. It sets one.Incident; on a recovery it also sets one.Recovered and one.FailingSince
// and adds the channels of the failures. A redelivered event leads to the same result.
func (n *Notifier) observe(ctx context.Context, one *Notification, channels []string, deliveries uint64) ([]string, error) {
	if one.Outcome != Failed && one.Outcome != Completed || one.Outcome == Failed && len(channels) == 0 {
		return channels, nil
	}
	if n.stateErr == nil {
		ctx, cancel := context.WithTimeout(ctx, stateTimeout)
		defer cancel()
		var notified []string
		key := fmt.Sprintf("outages/%s/%s", one.Run.TenantID, one.Run.Mode)
		if one.Run.Refresh { // a refresh that works does not show that incrementals do
			key += "/refresh"
		}
		n.stateErr = Update(ctx, n.State, key, func(o *outage) { notified = o.observe(one, channels) })
		if n.stateErr == nil {
			return notified, nil
		}
		n.Logger.Warn().Err(n.stateErr).Msg("incidents unavailable, retrying, then notifying without them")
	}
	if deliveries <= stateRetries {
		return nil, errStateUnavailable
	}
	one.Recovered, one.FailingSince, one.Incident = 0, time.Time{}, Incident{}
	return channels, nil
}

func (o *outage) observe(n *Notification, channels []string) []string {
	isNewer := n.At.After(o.Last)
	switch n.Outcome {
	case Failed:
		if isNewer { // else it is redelivered
			if o.Failures == 0 || o.RecoveredBy != "" {
				*o = outage{Since: n.At}
			}
			o.Failures, o.Last = o.Failures+1, n.At
			o.Channels = union(o.Channels, channels)
		}
		if !n.At.Before(o.Since) { // else it belongs to an earlier one
			n.Incident = o.incident(n.Run)
		}
	case Completed:
		if o.Failures == 0 || !isNewer || o.RecoveredBy != "" && o.RecoveredBy != n.EventID {
			return channels
		}
		o.RecoveredBy = n.EventID
		n.Recovered, n.FailingSince, n.Incident = o.Failures, o.Since, o.incident(n.Run)
		return union(channels, o.Channels)
	}
	return channels
}

func (o *outage) incident(run events.OutcomeData) Incident {
	return newIncident(o.Since, o.Failures, run.TenantID, string(run.Mode))
}

func newIncident(since time.Time, failures int, tenant events.TenantID, what string) Incident {
	return Incident{Key: fmt.Sprintf("%s/%s/%d", tenant, what, since.UnixMilli()), Failures: failures, Since: since}
}

// union returns the names of both lists, each once.
func union(a, b []string) []string {
	var all []string
	for _, name := range slices.Concat(a, b) {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// endGroups ends the grouping of the failures that a completed run recovers from. Their
// repetitions are part of the recovery's count, and another failure is notified at once.
func (n *Notifier) endGroups(recovery Notification) {
	for key, g := range n.groups {
		failed := g.first
		if failed.Outcome != Failed || failed.Run.TenantID != recovery.Run.TenantID || failed.Run.Mode != recovery.Run.Mode {
			continue
		}
		if g.reminder != "" {
			n.delivered.add(g.reminder, failed.To)
		}
		delete(n.groups, key)
	}
}
