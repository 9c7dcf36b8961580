package temporal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

const (
	// ScheduleOff is the cron expression of a schedule that must not exist.
	ScheduleOff = "off"

	// catchupWindow is how late a schedule may still act after Temporal was unavailable. A
	// run that is missed altogether is covered by the next one.
	catchupWindow = 10 * time.Minute
)

// ScheduleSpec is one schedule as configured.
type ScheduleSpec struct {
	TenantID events.TenantID
	Mode     events.Mode
	Cron     string // five fields, or ScheduleOff
	Timezone string // a name of the time zone database
}

// ID returns the ID of the schedule.
func (s ScheduleSpec) ID() string { return workflows.ScheduleID(s.Mode, s.TenantID) }

// ApplySchedules creates, updates and removes schedules so that they are as configured, and
// returns one line for each. Whether a schedule is paused stays as it is.
func (c *Client) ApplySchedules(ctx context.Context) (changes []string, err error) {
	for _, s := range c.options.Schedules {
		change, err := c.applySchedule(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.ID(), err)
		}
		changes = append(changes, s.ID()+": "+change)
	}
	removed, err := c.removeOrphans(ctx)
	if err != nil {
		return nil, err
	}
	return append(changes, removed...), nil
}

// removeOrphans removes the schedules of tenants that are no longer configured.
func (c *Client) removeOrphans(ctx context.Context) (changes []string, err error) {
	list, err := c.sdk.ScheduleClient().List(ctx, client.ScheduleListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return nil, fmt.Errorf("list schedules: %w", err)
		}
		configured := slices.ContainsFunc(c.options.Schedules, func(s ScheduleSpec) bool { return s.ID() == entry.ID })
		if configured || !strings.HasPrefix(entry.ID, workflows.SchedulePrefix) {
			continue
		}
		removed, err := c.removeOrphan(ctx, entry.ID)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.ID, err)
		}
		if removed {
			changes = append(changes, entry.ID+": removed, its tenant is not configured")
		}
	}
	return changes, nil
}

// removeOrphan removes a schedule if it belongs to this lazisync: the schedules of another
// one in the same namespace start workflows on another task queue. A list may name a
// schedule that no longer exists.
func (c *Client) removeOrphan(ctx context.Context, id string) (removed bool, err error) {
	handle := c.sdk.ScheduleClient().GetHandle(ctx, id)
	d, err := handle.Describe(ctx)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction); !ok || action.TaskQueue != c.options.TaskQueue {
		return false, nil
	}
	if err := handle.Delete(ctx); err != nil && !isNotFound(err) {
		return false, err
	}
	return true, nil
}

func (c *Client) applySchedule(ctx context.Context, s ScheduleSpec) (change string, err error) {
	want := c.scheduleOptions(s)
	handle := c.sdk.ScheduleClient().GetHandle(ctx, want.ID)
	if s.Cron == ScheduleOff {
		err := handle.Delete(ctx)
		if isNotFound(err) {
			return ScheduleOff, nil
		}
		return "removed", err
	}
	_, err = c.sdk.ScheduleClient().Create(ctx, want)
	if err == nil {
		return "created, " + s.Cron, nil
	}
	if !errors.Is(err, sdktemporal.ErrScheduleAlreadyRunning) {
		return "", err
	}
	return s.Cron, handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule
			s.Spec, s.Action = &want.Spec, want.Action
			s.Policy = &client.SchedulePolicies{Overlap: want.Overlap, CatchupWindow: want.CatchupWindow}
			return &client.ScheduleUpdate{Schedule: &s}, nil
		},
	})
}

// scheduleOptions returns a schedule as it should be. Temporal translates a cron expression
// into calendars and keeps only its comment as text, so that the comment repeats the
// expression. The execution timeout ends a scheduled workflow whose request never gets an
// outcome.
func (c *Client) scheduleOptions(s ScheduleSpec) client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:            s.ID(),
		Spec:          client.ScheduleSpec{CronExpressions: []string{s.Cron + " # " + s.Cron}, TimeZoneName: s.Timezone},
		Overlap:       enums.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: catchupWindow,
		Action: &client.ScheduleWorkflowAction{
			ID:        s.ID(),
			Workflow:  workflows.ScheduledSync,
			Args:      []any{workflows.ScheduledSyncInput{Schedule: s.ID(), TenantID: s.TenantID, Mode: s.Mode}},
			TaskQueue: c.options.TaskQueue,

			WorkflowExecutionTimeout: c.options.ScheduleTimeout,
		},
	}
}
