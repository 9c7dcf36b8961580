package temporal

import (
	"context"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

const (
	// triggerTimeout is how long TriggerSchedule waits for the workflow that it starts.
	triggerTimeout = 5 * time.Second
	// triggerPoll is how often it looks meanwhile.
	triggerPoll = 50 * time.Millisecond
	// shownRuns is how many future runs a description lists.
	shownRuns = 3
)

// ListSchedules describes the configured schedules that exist. It describes each by itself,
// because Temporal's list is some seconds old.
func (c *Client) ListSchedules(ctx context.Context) ([]ledger.Schedule, error) {
	var list []ledger.Schedule
	for _, s := range c.options.Schedules {
		d, err := c.sdk.ScheduleClient().GetHandle(ctx, s.ID()).Describe(ctx)
		if isNotFound(err) {
			continue // switched off
		}
		if err != nil {
			return nil, fmt.Errorf("ask Temporal for schedule %s: %w", s.ID(), err)
		}
		list = append(list, describe(s, d))
	}
	return list, nil
}

// DescribeSchedule describes one configured schedule. It returns ledger.ErrScheduleNotFound
// if it does not exist.
func (c *Client) DescribeSchedule(ctx context.Context, s ScheduleSpec) (ledger.Schedule, error) {
	d, err := c.sdk.ScheduleClient().GetHandle(ctx, s.ID()).Describe(ctx)
	if err != nil {
		return ledger.Schedule{}, scheduleError("describe", s.ID(), err)
	}
	return describe(s, d), nil
}

func describe(s ScheduleSpec, d *client.ScheduleDescription) ledger.Schedule {
	shown := ledger.Schedule{
		ScheduleID: s.ID(), TenantID: s.TenantID, Mode: s.Mode,
		NextRuns: []time.Time{}, Running: []string{},
	}
	if spec := d.Schedule.Spec; spec != nil {
		shown.Timezone = spec.TimeZoneName
		for _, calendar := range spec.Calendars {
			shown.Cron = calendar.Comment // see scheduleOptions
		}
	}
	shown.Entities = scheduledEntities(s, d)
	if state := d.Schedule.State; state != nil {
		shown.Paused, shown.Note = state.Paused, state.Note
	}
	for _, next := range d.Info.NextActionTimes[:min(shownRuns, len(d.Info.NextActionTimes))] {
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

// scheduledEntities lists the entities that a schedule reads as it is in Temporal.
func scheduledEntities(s ScheduleSpec, d *client.ScheduleDescription) []string {
	var in workflows.ScheduledSyncInput
	if action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction); ok && len(action.Args) == 1 {
		if payload, ok := action.Args[0].(*commonpb.Payload); ok {
			_ = converter.GetDefaultDataConverter().FromPayload(payload, &in) // not an input of this version: it names none
		}
	}
	s.Entities = in.Entities
	return append([]string{}, s.Reads()...)
}

// PauseSchedule pauses a schedule; the note says who paused it and why. It returns
// ledger.ErrScheduleNotFound if it is not one of the configured schedules.
func (c *Client) PauseSchedule(ctx context.Context, id, note string) error {
	handle, err := c.schedule(ctx, id)
	if err != nil {
		return err
	}
	return scheduleError("pause", id, handle.Pause(ctx, client.SchedulePauseOptions{Note: note}))
}

// UnpauseSchedule resumes a paused schedule. Runs that were due meanwhile are not caught up.
// It returns ledger.ErrScheduleNotFound if it is not one of the configured schedules.
func (c *Client) UnpauseSchedule(ctx context.Context, id, note string) error {
	handle, err := c.schedule(ctx, id)
	if err != nil {
		return err
	}
	return scheduleError("unpause", id, handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: note}))
}

// TriggerSchedule runs a schedule now and returns the ID of the workflow that it started, ""
// if Temporal does not report one within five seconds. It returns ledger.ErrScheduleOverlap
// if the schedule skipped the run. Temporal accepts every trigger; only the schedule's
// counters show whether the run was skipped.
func (c *Client) TriggerSchedule(ctx context.Context, id string) (workflowID string, err error) {
	handle, err := c.schedule(ctx, id)
	if err != nil {
		return "", err
	}
	before, err := handle.Describe(ctx)
	if err != nil {
		return "", scheduleError("describe", id, err)
	}
	if err := handle.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
		return "", scheduleError("trigger", id, err)
	}
	for deadline := time.Now().Add(triggerTimeout); time.Now().Before(deadline); {
		now, err := handle.Describe(ctx)
		if err != nil {
			return "", scheduleError("describe", id, err)
		}
		if n := len(now.Info.RecentActions); now.Info.NumActions > before.Info.NumActions && n > 0 {
			return now.Info.RecentActions[n-1].StartWorkflowResult.WorkflowID, nil
		}
		if now.Info.NumActionsSkippedOverlap > before.Info.NumActionsSkippedOverlap {
			return "", ledger.ErrScheduleOverlap
		}
		if !backoff.Sleep(ctx, triggerPoll) {
			return "", ctx.Err()
		}
	}
	return "", nil
}

// schedule returns the handle of a configured schedule. Others in the namespace are not
// lazisync's.
func (c *Client) schedule(ctx context.Context, id string) (client.ScheduleHandle, error) {
	if slices.ContainsFunc(c.options.Schedules, func(s ScheduleSpec) bool { return s.ID() == id }) {
		return c.sdk.ScheduleClient().GetHandle(ctx, id), nil
	}
	return nil, ledger.ErrScheduleNotFound
}

func scheduleError(action, id string, err error) error {
	switch {
	case err == nil:
		return nil
	case isNotFound(err):
		return ledger.ErrScheduleNotFound
	}
	return fmt.Errorf("%s schedule %s: %w", action, id, err)
}
