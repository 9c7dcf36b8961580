package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/workflows"
)

func (d *Doctor) checkTemporal(ctx context.Context) (f findings) {
	address := d.Config.Temporal.Address
	c, err := d.OpenTemporal()
	if err != nil {
		f.fail("correct the TEMPORAL_ variables", "temporal", "%v", err)
		return f
	}
	defer c.Close()
	version, err := c.ServerVersion(ctx)
	if err != nil {
		f.fail("start Temporal, or set TEMPORAL_ADDRESS, TEMPORAL_API_KEY and TEMPORAL_TLS_…", "temporal", "%s: %v", address, err)
		return f
	}
	f.ok("temporal", "%s, version %s", address, version)
	if d.checkNamespace(ctx, c, &f) {
		f.probe(ctx, TemporalProbe(c))
		d.checkQueues(ctx, c, &f)
		checkRuns(ctx, c, &f)
		d.checkSchedules(ctx, c, &f)
	}
	return f
}

// checkNamespace reports whether the namespace exists, and checks that it keeps closed
// workflows for longer than a command can be redelivered: until then Temporal must know the
// workflow ID.
func (d *Doctor) checkNamespace(ctx context.Context, c *temporal.Client, f *findings) bool {
	name := d.Config.Temporal.Namespace
	described, err := c.DescribeNamespace(ctx)
	switch {
	case errors.Is(err, temporal.ErrNamespaceNotFound):
		f.fail(fmt.Sprintf("temporal operator namespace create --namespace %s --retention 240h, or set TEMPORAL_NAMESPACE", name),
			"temporal namespace", "%s does not exist", name)
		return false
	case err != nil:
		f.fail("allow this client to use the namespace", "temporal namespace", "%s: %v", name, err)
		return false
	}
	d.checkNamespaceID(ctx, f, described.ID)
	kept, needed := described.Retention, stream.CommandAge
	if kept <= needed {
		f.fail(fmt.Sprintf("temporal operator namespace update --namespace %s --retention 240h", name),
			"temporal namespace", "%s keeps closed workflows for %s, want more than the %s for which commands are kept", name, config.Days(kept), config.Days(needed))
		return true
	}
	f.ok("temporal namespace", "%s keeps closed workflows for %s, commands are kept for %s", name, config.Days(kept), config.Days(needed))
	return true
}

// checkNamespaceID checks that the ledger belongs to the namespace.
func (d *Doctor) checkNamespaceID(ctx context.Context, f *findings, id string) {
	if !d.Role.Database || d.Config.DatabaseURL == "" {
		return
	}
	s, err := d.OpenStore(ctx)
	if err != nil {
		return // checkDatabase reports it
	}
	defer s.Close()
	owner, err := s.Namespace(ctx)
	if err != nil {
		return // likewise
	}
	name := d.Config.Temporal.Namespace
	if owner != "" && owner != id {
		f.fail(d.NamespaceFix, "temporal namespace id", "Temporal namespace %q has id %s, the ledger belongs to id %s: nothing is started or finalized", name, id, owner)
		return
	}
	f.ok("temporal namespace id", "%s", id)
}

const fixWorker = "start lazisync worker, or lazisync serve"

// checkQueues checks that workers poll the task queues.
func (d *Doctor) checkQueues(ctx context.Context, c *temporal.Client, f *findings) {
	for _, q := range c.TaskQueues() {
		check := fmt.Sprintf("task queue %s (%s)", q.Name, q.Serves)
		pollers, err := c.Pollers(ctx, q)
		switch {
		case err != nil:
			f.fail("allow this client to describe task queues", check, "%v", err)
		case pollers.Active > 0:
			f.ok(check, "polled by %d", pollers.Active)
		case pollers.LastSeen.IsZero():
			f.warn(fixWorker, check, "no worker polls it")
		default:
			f.warn(fixWorker, check, "no worker polls it, last seen %s ago", time.Since(pollers.LastSeen).Round(time.Second))
		}
	}
}

// checkRuns reports runs that cannot start, or whose outcome cannot be written.
func checkRuns(ctx context.Context, c *temporal.Client, f *findings) {
	retried, err := c.RetriedActivities(ctx, "BeginRun", "FinishRun", "AnnounceControl")
	if err != nil {
		f.fail("allow this client to list and describe workflows", "runs", "%v", err)
		return
	}
	for _, a := range retried {
		f.fail("repair what the error names; the run continues within a minute", "workflow "+a.WorkflowID, "%s failed %d times: %s", a.Type, a.Attempts, a.LastError)
	}
}

// checkSchedules compares the schedules with the configuration, and warns of clock changes
// that affect them.
func (d *Doctor) checkSchedules(ctx context.Context, c *temporal.Client, f *findings) {
	defer func() {
		for _, w := range d.Config.ScheduleWarnings(time.Now()) {
			f.warn("choose a time of day that exists once on every day", "clock changes, schedule "+workflows.ScheduleID(w.Mode, w.TenantID, w.Group), "%s", w.Text)
		}
	}()
	for _, s := range d.Schedules {
		check := "schedule " + s.ID()
		shown, err := c.DescribeSchedule(ctx, s)
		missing, off := errors.Is(err, ledger.ErrScheduleNotFound), s.Cron == temporal.ScheduleOff
		switch {
		case missing && off:
			f.ok(check, "off, as configured")
		case missing:
			f.fail(fixMigrate, check, "does not exist, want %s", s.Cron)
		case err != nil:
			f.fail("allow this client to describe schedules", check, "%v", err)
		case off:
			f.fail(fixMigrate, check, "exists, want off")
		case shown.Cron != s.Cron:
			f.fail(fixMigrate, check, "is %q, want %q", shown.Cron, s.Cron)
		case shown.Timezone != s.Timezone:
			f.fail(fixMigrate, check, "is in time zone %q, want %q", shown.Timezone, s.Timezone)
		case !sameNames(shown.Entities, s.Reads()):
			f.fail(fixMigrate, check, "reads %s, want %s", strings.Join(shown.Entities, ", "), strings.Join(s.Reads(), ", "))
		case shown.Paused:
			f.warn("resume it with lazisync schedules resume", check, "%s, but paused: %s", s.Cron, shown.Note)
		case len(shown.NextRuns) == 0:
			f.fail("correct the cron expression, then "+fixMigrate, check, "%s has no next run", s.Cron)
		default:
			f.ok(check, "%s, next run at %s", s.Cron, shown.NextRuns[0].Format(time.RFC3339))
		}
	}
	unconfigured, err := c.UnconfiguredSchedules(ctx)
	if err != nil {
		f.fail("allow this client to list schedules", "schedules", "%v", err)
	}
	for _, id := range unconfigured {
		f.fail(fixMigrate, "schedule "+id, "exists, but is not configured")
	}
}

// sameNames reports whether two lists have the same names, in any order.
func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
