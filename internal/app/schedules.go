package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/workflows"
)

const (
	// catchUp is how late a schedule may still act after Temporal was away. What it
	// misses the next one covers.
	catchUp = 10 * time.Minute
)

// applySchedules creates, updates and removes the tenants' schedules so that they are
// as configured. Whether one is paused stays as operators left it.
func applySchedules(ctx context.Context, cfg *Config, log zerolog.Logger) ([]string, error) {
	if len(cfg.Tenants) == 0 {
		return []string{"left alone: neither SERVICETITAN_TENANT_ID nor SERVICETITAN_TENANTS_FILE is set"}, nil
	}
	c, err := openTemporal(cfg.Temporal, log, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var changes []string
	for _, s := range schedulesOf(cfg) {
		want := s.options(cfg)
		change, err := applySchedule(ctx, c, want, s.cron)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", want.ID, err)
		}
		changes = append(changes, want.ID+": "+change)
	}
	removed, err := removeOrphans(ctx, c, cfg)
	if err != nil {
		return nil, err
	}
	return append(changes, removed...), nil
}

// removeOrphans removes the schedules of tenants that are configured no longer. Those of
// another lazisync in the same namespace start workflows on another task queue.
func removeOrphans(ctx context.Context, c client.Client, cfg *Config) (changes []string, err error) {
	wanted := map[string]bool{}
	for _, s := range schedulesOf(cfg) {
		wanted[s.id()] = true
	}
	list, err := c.ScheduleClient().List(ctx, client.ScheduleListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return nil, fmt.Errorf("list schedules: %w", err)
		}
		if wanted[entry.ID] || !strings.HasPrefix(entry.ID, workflows.SchedulePrefix) {
			continue
		}
		change, err := removeOrphan(ctx, c.ScheduleClient().GetHandle(ctx, entry.ID), cfg.Temporal.TaskQueue)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.ID, err)
		}
		if change != "" {
			changes = append(changes, entry.ID+": "+change)
		}
	}
	return changes, nil
}

// removeOrphan removes a schedule if it is ours. A list may name one that is gone.
func removeOrphan(ctx context.Context, handle client.ScheduleHandle, taskQueue string) (string, error) {
	var missing *serviceerror.NotFound
	d, err := handle.Describe(ctx)
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction); !ok || action.TaskQueue != taskQueue {
		return "", nil
	}
	if err := handle.Delete(ctx); err != nil && !errors.As(err, &missing) {
		return "", err
	}
	return "removed, its tenant is not configured", nil
}

// configuredSchedule is one that the configuration wants or, with off, does not.
type configuredSchedule struct {
	tenant config.Tenant
	mode   events.Mode
	cron   string
}

func (s configuredSchedule) id() string { return workflows.ScheduleID(s.mode, s.tenant.ID) }

func schedulesOf(cfg *Config) (all []configuredSchedule) {
	for _, t := range cfg.Tenants {
		all = append(all, configuredSchedule{t, events.Incremental, t.ScheduleIncremental}, configuredSchedule{t, events.Full, t.ScheduleFull})
	}
	return all
}

func applySchedule(ctx context.Context, c client.Client, want client.ScheduleOptions, cron string) (string, error) {
	handle := c.ScheduleClient().GetHandle(ctx, want.ID)
	if cron == config.Off {
		err := handle.Delete(ctx)
		var missing *serviceerror.NotFound
		if errors.As(err, &missing) {
			return config.Off, nil
		}
		return "removed", err
	}
	_, err := c.ScheduleClient().Create(ctx, want)
	if err == nil {
		return "created, " + cron, nil
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return "", err
	}
	return cron, handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule
			s.Spec, s.Action = &want.Spec, want.Action
			s.Policy = &client.SchedulePolicies{Overlap: want.Overlap, CatchupWindow: want.CatchupWindow}
			return &client.ScheduleUpdate{Schedule: &s}, nil
		},
	})
}

// options are a schedule as it should be. Its expression stands behind it as a
// comment, too: that is all Temporal keeps of it to show. What it starts ends by itself at
// last, should its request never get an outcome.
func (s configuredSchedule) options(cfg *Config) client.ScheduleOptions {
	id := s.id()
	limits := limits(cfg)
	return client.ScheduleOptions{
		ID:            id,
		Spec:          client.ScheduleSpec{CronExpressions: []string{s.cron + " # " + s.cron}, TimeZoneName: s.tenant.Timezone.String()},
		Overlap:       enums.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: catchUp,
		Action: &client.ScheduleWorkflowAction{
			ID:        id,
			Workflow:  workflows.ScheduledSync,
			Args:      []any{workflows.ScheduledSyncInput{Schedule: id, TenantID: s.tenant.ID, Mode: s.mode}},
			TaskQueue: cfg.Temporal.TaskQueue,

			WorkflowExecutionTimeout: limits.ExecutionTimeout(),
		},
	}
}
