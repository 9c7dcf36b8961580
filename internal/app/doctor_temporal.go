package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/workflows"
)

func (d *doctor) examineTemporal(ctx context.Context) (f findings) {
	address := d.cfg.Temporal.Address
	c, err := openTemporal(d.cfg, d.log)
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
	if d.examineNamespace(ctx, c, &f) {
		f.proved(ctx, temporalProbe(c))
		d.examineQueues(ctx, c, &f)
		examineRuns(ctx, c, &f)
		d.examineSchedules(ctx, c, &f)
	}
	return f
}

// examineNamespace compares how long Temporal remembers a workflow with how long a
// command can come again: while it can, its workflow ID must be known.
func (d *doctor) examineNamespace(ctx context.Context, c *temporal.Client, f *findings) bool {
	name := d.cfg.Temporal.Namespace
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
	d.judgeNamespace(ctx, f, described.ID)
	kept, needed := described.Retention, stream.CommandAge
	if kept <= needed {
		f.fail(fmt.Sprintf("temporal operator namespace update --namespace %s --retention 240h", name),
			"temporal namespace", "%s forgets closed workflows after %s, want more than the %s that commands are kept", name, config.Days(kept), config.Days(needed))
		return true
	}
	f.ok("temporal namespace", "%s remembers closed workflows for %s, commands are kept for %s", name, config.Days(kept), config.Days(needed))
	return true
}

// judgeNamespace compares the namespace with the one that the ledger belongs to.
func (d *doctor) judgeNamespace(ctx context.Context, f *findings, id string) {
	if !d.needs("DATABASE_URL") {
		return
	}
	s, err := store.Open(ctx, string(d.cfg.DatabaseURL), store.Options{MaxConns: 1, Application: "lazisync doctor", Logger: d.log})
	if err != nil {
		return // examineDatabase reports it
	}
	defer s.Close()
	held, err := s.Namespace(ctx)
	if err != nil {
		return // likewise
	}
	name := d.cfg.Temporal.Namespace
	if held != "" && held != id {
		f.fail(acceptNamespace, "temporal namespace id", "Temporal namespace %q has id %s, the ledger belongs to id %s: nothing is started or finalized", name, id, held)
		return
	}
	f.ok("temporal namespace id", "%s", id)
}

// examineQueues looks for workers.
func (d *doctor) examineQueues(ctx context.Context, c *temporal.Client, f *findings) {
	for _, q := range c.TaskQueues() {
		check := fmt.Sprintf("task queue %s (%s)", q.Name, q.Serves)
		pollers, err := c.CountPollers(ctx, q)
		switch {
		case err != nil:
			f.fail("allow this client to describe task queues", check, "%v", err)
		case pollers == 0:
			f.warn("start lazisync worker, or lazisync serve", check, "no worker polls it")
		default:
			f.ok(check, "polled by %d", pollers)
		}
	}
}

// examineRuns looks for runs that cannot start, or whose outcome cannot be written.
func examineRuns(ctx context.Context, c *temporal.Client, f *findings) {
	retried, err := c.RetriedActivities(ctx, "BeginRun", "FinishRun", "AnnounceControl")
	if err != nil {
		f.fail("allow this client to list and describe workflows", "runs", "%v", err)
		return
	}
	for _, a := range retried {
		f.fail("repair what the error names; the run continues within a minute", "workflow "+a.WorkflowID, "%s failed %d times: %s", a.Type, a.Attempts, a.LastError)
	}
}

// examineSchedules looks for the schedules that are configured, and at the changes of the
// clocks they meet.
func (d *doctor) examineSchedules(ctx context.Context, c *temporal.Client, f *findings) {
	defer func() {
		for _, w := range d.cfg.ScheduleWarnings(time.Now()) {
			f.warn("choose a time of day that every day has once", "clocks of schedule "+workflows.ScheduleID(w.Mode, w.TenantID), "%s", w.Text)
		}
	}()
	for _, s := range scheduleSpecs(d.cfg) {
		check := "schedule " + s.ID()
		shown, err := c.DescribeSchedule(ctx, s)
		missing, off := errors.Is(err, ledger.ErrScheduleNotFound), s.Cron == temporal.ScheduleOff
		switch {
		case missing && off:
			f.ok(check, "off, as configured")
		case missing:
			f.fail(mendMigrate, check, "does not exist, want %s", s.Cron)
		case err != nil:
			f.fail("allow this client to describe schedules", check, "%v", err)
		case off:
			f.fail(mendMigrate, check, "exists, want none")
		case shown.Cron != s.Cron:
			f.fail(mendMigrate, check, "is %q, want %q", shown.Cron, s.Cron)
		case shown.Timezone != s.Timezone:
			f.fail(mendMigrate, check, "is in time zone %q, want %q", shown.Timezone, s.Timezone)
		case shown.Paused:
			f.warn("unpause it when the reason is gone", check, "%s, but paused: %s", s.Cron, shown.Note)
		case len(shown.NextRuns) == 0:
			f.fail("correct the cron expression, then "+mendMigrate, check, "%s never comes", s.Cron)
		default:
			f.ok(check, "%s, next at %s", s.Cron, shown.NextRuns[0].Format(time.RFC3339))
		}
	}
}
