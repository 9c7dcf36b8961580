package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// ScheduleSource is the source of the requests that schedules publish.
const ScheduleSource = ledger.ScheduleSource

// scheduledOnly reports whether a run serves only requests of schedules, so that no person
// waits for it.
func scheduledOnly(run ledger.Run) bool {
	return !slices.ContainsFunc(run.Requests, func(r ledger.Request) bool { return r.Source != ScheduleSource })
}

// RequestReader looks requests up.
type RequestReader interface {
	Request(ctx context.Context, id string) (ledger.Receipt, error)
}

// Schedules has the activities of a scheduled sync. Like any other publisher it publishes
// sync.requested and then waits for the outcome.
type Schedules struct {
	Publisher Publisher
	Requests  RequestReader
}

// ScheduledRequest describes the request of a schedule for one of its times.
type ScheduledRequest struct {
	Schedule string
	Nominal  time.Time // scheduled time
	TenantID events.TenantID
	Mode     events.Mode
	Entities []string `json:",omitempty"` // none for all of the tenant
}

// PublishScheduled publishes sync.requested and returns its request ID. The event's
// id is the schedule's ID with the nominal time, so that a retry publishes a duplicate.
func (s *Schedules) PublishScheduled(ctx context.Context, in ScheduledRequest) (string, error) {
	id := in.Schedule + "-" + in.Nominal.UTC().Format(time.RFC3339)
	e, err := events.Requested.New(events.Attributes{ID: id, Source: ScheduleSource, Time: time.Now()}, events.RequestData{
		Mode: in.Mode, TenantID: string(in.TenantID), Entities: in.Entities, Reason: "schedule " + in.Schedule,
	})
	if err != nil {
		return "", err
	}
	if err := s.Publisher.Publish(ctx, e); err != nil {
		return "", fmt.Errorf("publish %s %s: %w", e.Type(), e.ID(), err)
	}
	return events.RequestID(ScheduleSource, id), nil
}

// ScheduledOutcome returns how the request ended, "" while it has not.
func (s *Schedules) ScheduledOutcome(ctx context.Context, requestID string) (ledger.RunState, error) {
	r, err := s.Requests.Request(ctx, requestID)
	switch {
	case errors.Is(err, ledger.ErrUnknown): // no bridge has received it yet
		return "", nil
	case err != nil:
		return "", retryable(events.StoreError, err)
	case r.Outcome == nil:
		return "", nil
	}
	return r.Outcome.State, nil
}
