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
	Group    string   // of entities, part of the ID; "" for those in no group
	Cron     string   // five fields, or ScheduleOff
	Timezone string   // a name of the time zone database
	Entities []string // that its requests name; none for those of the tenant
	Default  []string // the entities of the tenant
}

// ID returns the ID of the schedule.
func (s ScheduleSpec) ID() string { return workflows.ScheduleID(s.Mode, s.TenantID, s.Group) }

// Reads lists the entities that the schedule reads.
func (s ScheduleSpec) Reads() []string {
	if len(s.Entities) > 0 {
		return s.Entities
	}
	return s.Default
}

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

// removeOrphans removes the schedules of tenants and groups that are no longer configured.
func (c *Client) removeOrphans(ctx context.Context) (changes []string, err error) {
	orphans, err := c.UnconfiguredSchedules(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range orphans {
		if err := c.sdk.ScheduleClient().GetHandle(ctx, id).Delete(ctx); err != nil && !isNotFound(err) {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		changes = append(changes, id+": removed, it is not configured")
	}
	return changes, nil
}

// UnconfiguredSchedules lists the IDs of this lazisync's schedules that are not configured, because
// their tenant or their group of entities was removed. Temporal lists a new schedule after a delay.
func (c *Client) UnconfiguredSchedules(ctx context.Context) (ids []string, err error) {
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
		own, err := c.ownsSchedule(ctx, entry.ID)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.ID, err)
		}
		if own {
			ids = append(ids, entry.ID)
		}
	}
	return ids, nil
}

// ownsSchedule reports whether a schedule exists and belongs to this lazisync: the schedules of
// another one in the same namespace start workflows on another task queue. A list may name a
// schedule that no longer exists.
func (c *Client) ownsSchedule(ctx context.Context, id string) (bool, error) {
	d, err := c.sdk.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction)
	return ok && action.TaskQueue == c.options.TaskQueue, nil
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
			Args:      []any{workflows.ScheduledSyncInput{Schedule: s.ID(), TenantID: s.TenantID, Mode: s.Mode, Entities: s.Entities}},
			TaskQueue: c.options.TaskQueue,

			WorkflowExecutionTimeout: c.options.ScheduleTimeout,
		},
	}
}
