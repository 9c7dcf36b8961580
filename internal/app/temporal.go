package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/temporal"
)

// openTemporal creates a Temporal client. It connects on its first call.
func openTemporal(cfg *Config, log zerolog.Logger) (*temporal.Client, error) {
	o, err := temporalOptions(cfg, log)
	if err != nil {
		return nil, err
	}
	return temporal.Open(o)
}

func temporalOptions(cfg *Config, log zerolog.Logger) (temporal.Options, error) {
	c := cfg.Temporal
	o := temporal.Options{
		Address: c.Address, Namespace: c.Namespace, TaskQueue: c.TaskQueue, APIKey: string(c.APIKey), Logger: log,
		Schedules: scheduleSpecs(cfg), ScheduleTimeout: limits(cfg).ExecutionTimeout(),
	}
	if c.TLS.Enabled() || c.APIKey != "" {
		t, err := c.TLS.ClientConfig()
		if err != nil {
			return o, err
		}
		o.TLS = t
	}
	return o, nil
}

// scheduleSpecs lists the schedules that the configuration wants, including those that it
// switches off.
func scheduleSpecs(cfg *Config) (specs []temporal.ScheduleSpec) {
	for _, t := range cfg.Tenants {
		zone := t.Timezone.String()
		specs = append(specs,
			temporal.ScheduleSpec{TenantID: t.ID, Mode: events.Incremental, Cron: t.ScheduleIncremental, Timezone: zone},
			temporal.ScheduleSpec{TenantID: t.ID, Mode: events.Full, Cron: t.ScheduleFull, Timezone: zone})
	}
	return specs
}

// applySchedules creates, updates and removes the tenants' schedules so that they are as
// configured, and returns one line for each change. Whether a schedule is paused stays as it is.
func applySchedules(ctx context.Context, cfg *Config, log zerolog.Logger) ([]string, error) {
	if len(cfg.Tenants) == 0 {
		return []string{"unchanged: neither SERVICETITAN_TENANT_ID nor SERVICETITAN_TENANTS_FILE is set"}, nil
	}
	c, err := openTemporal(cfg, log)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ApplySchedules(ctx)
}

// temporalProbe checks that Temporal answers.
func temporalProbe(c *temporal.Client) probe.Probe {
	return probe.Probe{
		Name:  "temporal",
		Fix:   "start Temporal, or set TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_API_KEY",
		Check: c.Ping,
	}
}

// pollProbe checks that Temporal accepts the worker's polls of its task queues.
func pollProbe(polls *temporal.Polls, taskQueue string) probe.Probe {
	return probe.Probe{
		Name:  "worker",
		Fix:   "let this client poll the task queue in its namespace: see TEMPORAL_NAMESPACE, TEMPORAL_TASK_QUEUE and TEMPORAL_API_KEY",
		Check: func(context.Context) error { return polls.Check(taskQueue) },
	}
}

// countFailedWorkflowTasks registers a counter and returns what adds to it.
func countFailedWorkflowTasks(registry *prometheus.Registry) func(n int64) {
	failed := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lazisync_worker_workflow_tasks_failed_total",
		Help: "Failed workflow tasks; the workflows in question make no progress, see the log.",
	})
	registry.MustRegister(failed)
	return func(n int64) { failed.Add(float64(n)) }
}
