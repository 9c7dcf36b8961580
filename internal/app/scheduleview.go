package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/internal/gateway"
)

// triggerPatience is how long to wait for what came of a trigger.
const triggerPatience = 5 * time.Second

// schedules shows and steers our schedules in Temporal.
type schedules struct {
	client client.ScheduleClient
	ours   []configuredSchedule // that may exist
}

func newSchedules(c client.Client, cfg *Config) schedules {
	return schedules{client: c.ScheduleClient(), ours: schedulesOf(cfg)}
}

// Schedules looks each one up by itself: a list would be that of some seconds ago.
func (s schedules) Schedules(ctx context.Context) ([]gateway.Schedule, error) {
	var list []gateway.Schedule
	for _, one := range s.ours {
		d, err := s.client.GetHandle(ctx, one.id()).Describe(ctx)
		if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
			continue // switched off
		}
		if err != nil {
			return nil, fmt.Errorf("describe schedule %s: %w", one.id(), err)
		}
		list = append(list, one.describe(d))
	}
	return list, nil
}

func (s configuredSchedule) describe(d *client.ScheduleDescription) gateway.Schedule {
	shown := gateway.Schedule{
		ScheduleID: s.id(), TenantID: s.tenant.ID, Mode: s.mode,
		NextRuns: []time.Time{}, Running: []string{},
	}
	if spec := d.Schedule.Spec; spec != nil {
		shown.Timezone = spec.TimeZoneName
		for _, c := range spec.Calendars { // Temporal translates cron expressions
			shown.Cron = c.Comment
		}
	}
	if state := d.Schedule.State; state != nil {
		shown.Paused, shown.Note = state.Paused, state.Note
	}
	for _, next := range d.Info.NextActionTimes[:min(3, len(d.Info.NextActionTimes))] {
		shown.NextRuns = append(shown.NextRuns, next.UTC())
	}
	if n := len(d.Info.RecentActions); n > 0 {
		last := d.Info.RecentActions[n-1].ActualTime.UTC()
		shown.LastRun = &last
	}
	for _, w := range d.Info.RunningWorkflows {
		shown.Running = append(shown.Running, w.WorkflowID)
	}
	return shown
}

func (s schedules) PauseSchedule(ctx context.Context, id, note string) error {
	handle, err := s.handle(ctx, id)
	if err != nil {
		return err
	}
	return s.failure("pause", id, handle.Pause(ctx, client.SchedulePauseOptions{Note: note}))
}

func (s schedules) UnpauseSchedule(ctx context.Context, id, note string) error {
	handle, err := s.handle(ctx, id)
	if err != nil {
		return err
	}
	return s.failure("unpause", id, handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: note}))
}

// TriggerSchedule starts what a schedule starts and returns its workflow ID, "" where
// Temporal has not said within triggerPatience. Temporal takes any trigger; whether it
// was skipped, its counters tell.
func (s schedules) TriggerSchedule(ctx context.Context, id string) (workflowID string, err error) {
	handle, err := s.handle(ctx, id)
	if err != nil {
		return "", err
	}
	before, err := handle.Describe(ctx)
	if err != nil {
		return "", s.failure("describe", id, err)
	}
	if err := handle.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
		return "", s.failure("trigger", id, err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(triggerPatience)
	for {
		now, err := handle.Describe(ctx)
		if err != nil {
			return "", s.failure("describe", id, err)
		}
		if n := len(now.Info.RecentActions); now.Info.NumActions > before.Info.NumActions && n > 0 {
			return now.Info.RecentActions[n-1].StartWorkflowResult.WorkflowID, nil
		}
		if now.Info.NumActionsSkippedOverlap > before.Info.NumActionsSkippedOverlap {
			return "", gateway.ErrOverlap
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-late:
			return "", nil
		case <-tick.C:
		}
	}
}

// handle is that of one of ours: others in the namespace are none of our business.
func (s schedules) handle(ctx context.Context, id string) (client.ScheduleHandle, error) {
	for _, one := range s.ours {
		if one.id() == id {
			return s.client.GetHandle(ctx, id), nil
		}
	}
	return nil, gateway.ErrNotFound
}

func (s schedules) failure(what, id string, err error) error {
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return gateway.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s schedule %s: %w", what, id, err)
	}
	return nil
}
