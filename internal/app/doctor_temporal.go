package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/workflows"
)

func (d *doctor) examineTemporal(ctx context.Context) (f findings) {
	t := d.cfg.Temporal
	c, err := openTemporal(t, d.log, nil)
	if err != nil {
		f.fail("correct the TEMPORAL_ variables", "temporal", "%v", err)
		return f
	}
	defer c.Close()
	info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		f.fail("start Temporal, or set TEMPORAL_ADDRESS, TEMPORAL_API_KEY and TEMPORAL_TLS_…", "temporal", "%s: %v", t.Address, err)
		return f
	}
	f.ok("temporal", "%s, version %s", t.Address, info.GetServerVersion())
	if d.examineNamespace(ctx, c, &f) {
		f.proved(ctx, temporalProbe(c))
		d.examineQueues(ctx, c, &f)
		d.examineSchedules(ctx, c, &f)
	}
	return f
}

// examineNamespace compares how long Temporal remembers a workflow with how long a
// command can come again: while it can, its workflow ID must be known.
func (d *doctor) examineNamespace(ctx context.Context, c client.Client, f *findings) bool {
	name := d.cfg.Temporal.Namespace
	described, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	var missing *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &missing):
		f.fail(fmt.Sprintf("temporal operator namespace create --namespace %s --retention 240h, or set TEMPORAL_NAMESPACE", name),
			"temporal namespace", "%s does not exist", name)
		return false
	case err != nil:
		f.fail("allow this client to use the namespace", "temporal namespace", "%s: %v", name, err)
		return false
	}
	d.judgeNamespace(ctx, f, described.GetNamespaceInfo().GetId())
	kept, needed := described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), stream.CommandAge
	if kept <= needed {
		f.fail(fmt.Sprintf("temporal operator namespace update --namespace %s --retention 240h", name),
			"temporal namespace", "%s forgets closed workflows after %s, want more than the %s that commands are kept", name, config.Days(kept), config.Days(needed))
		return true
	}
	f.ok("temporal namespace", "%s remembers closed workflows for %s, commands are kept for %s", name, config.Days(kept), config.Days(needed))
	return true
}

// examineQueues looks for workers.
func (d *doctor) examineQueues(ctx context.Context, c client.Client, f *findings) {
	queue := d.cfg.Temporal.TaskQueue
	for _, q := range []struct {
		name string
		kind enums.TaskQueueType
		what string
	}{
		{queue, enums.TASK_QUEUE_TYPE_WORKFLOW, "workflows"},
		{queue, enums.TASK_QUEUE_TYPE_ACTIVITY, "pages"},
		{workflows.ControlTaskQueue(queue), enums.TASK_QUEUE_TYPE_ACTIVITY, "short activities"},
	} {
		check := fmt.Sprintf("task queue %s (%s)", q.name, q.what)
		described, err := c.DescribeTaskQueue(ctx, q.name, q.kind)
		switch {
		case err != nil:
			f.fail("allow this client to describe task queues", check, "%v", err)
		case len(described.GetPollers()) == 0:
			f.warn("start lazisync worker, or lazisync serve", check, "no worker polls it")
		default:
			f.ok(check, "polled by %d", len(described.GetPollers()))
		}
	}
}

// examineSchedules looks for the schedules that are configured, and at the changes of the
// clocks they meet.
func (d *doctor) examineSchedules(ctx context.Context, c client.Client, f *findings) {
	defer func() {
		for _, w := range d.cfg.ScheduleWarnings(time.Now()) {
			f.warn("choose a time of day that every day has once", "clocks of schedule "+workflows.ScheduleID(w.Mode, w.TenantID), "%s", w.Text)
		}
	}()
	for _, s := range schedulesOf(d.cfg) {
		check := "schedule " + s.id()
		described, err := c.ScheduleClient().GetHandle(ctx, s.id()).Describe(ctx)
		var missing *serviceerror.NotFound
		switch {
		case errors.As(err, &missing) && s.cron == config.Off:
			f.ok(check, "off, as configured")
		case errors.As(err, &missing):
			f.fail(mendMigrate, check, "does not exist, want %s", s.cron)
		case err != nil:
			f.fail("allow this client to describe schedules", check, "%v", err)
		case s.cron == config.Off:
			f.fail(mendMigrate, check, "exists, want none")
		case s.describe(described).Cron != s.cron:
			f.fail(mendMigrate, check, "is %q, want %q", s.describe(described).Cron, s.cron)
		case s.describe(described).Timezone != s.tenant.Timezone.String():
			f.fail(mendMigrate, check, "is in time zone %q, want %q", s.describe(described).Timezone, s.tenant.Timezone)
		case described.Schedule.State != nil && described.Schedule.State.Paused:
			f.warn("unpause it when the reason is gone", check, "%s, but paused: %s", s.cron, described.Schedule.State.Note)
		case len(described.Info.NextActionTimes) == 0:
			f.fail("correct the cron expression, then "+mendMigrate, check, "%s never comes", s.cron)
		default:
			f.ok(check, "%s, next at %s", s.cron, described.Info.NextActionTimes[0].UTC().Format(time.RFC3339))
		}
	}
}
