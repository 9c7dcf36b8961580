package connect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/workflows"
)

// Stream returns a NATS connection that is established in the background. The server
// shows name in its list of connections. The tracer may be nil, here and below.
func Stream(cfg *config.Config, name string, recorder stream.Recorder, tracer trace.TracerProvider, log zerolog.Logger) (*stream.Conn, error) {
	c := cfg.NATS
	o := stream.Options{URL: c.URL, Creds: c.Creds, InboxPrefix: c.InboxPrefix, Replicas: c.Replicas, Domain: c.Domain, Name: "lazisync " + name, Recorder: recorder, Tracer: tracer, Logger: log}
	if c.TLS.Enabled() {
		t, err := c.TLS.ClientConfig()
		if err != nil {
			return nil, err
		}
		o.TLS = t
	}
	return stream.Connect(o)
}

// commandConnect is how long a command waits for NATS.
const commandConnect = 5 * time.Second

// CommandStream connects to NATS for a command, and waits until it is connected. If
// declared is set, the streams must exist.
func CommandStream(ctx context.Context, cfg *config.Config, declared bool) (*stream.Conn, error) {
	conn, err := Stream(cfg, "cli", nil, nil, zerolog.Nop())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, commandConnect)
	defer stop()
	for {
		err := conn.Ready(ctx)
		if err == nil || !declared && !errors.Is(err, stream.ErrDisconnected) {
			return conn, nil
		}
		if !backoff.Sleep(ctx, 100*time.Millisecond) {
			conn.Close()
			return nil, fmt.Errorf("NATS at %s: %w", cfg.Value("NATS_URL").Text, err)
		}
	}
}

// Store returns a connection pool of PostgreSQL that connects when it is used. The server
// shows role in its list of connections. If connections is 0, the pool has its default size.
func Store(ctx context.Context, cfg *config.Config, role string, connections int32, recorder store.Recorder, tracer trace.TracerProvider, log zerolog.Logger) (*store.Store, error) {
	return store.Open(ctx, string(cfg.DatabaseURL), store.Options{
		MaxConns: connections, Application: "lazisync " + role, Tenants: cfg.TenantIDs(), DeleteGuard: cfg.Sync.DeleteGuard, Changes: cfg.Sync.Changes, FieldPolicy: FieldPolicy(cfg), Recorder: recorder, Traces: tracer, Logger: log,
	})
}

// Temporal returns a Temporal client that connects on its first call.
func Temporal(cfg *config.Config, log zerolog.Logger) (*temporal.Client, error) {
	o, err := TemporalOptions(cfg, log)
	if err != nil {
		return nil, err
	}
	return temporal.Open(o)
}

// TemporalOptions returns the options of Temporal's client, including the schedules.
func TemporalOptions(cfg *config.Config, log zerolog.Logger) (temporal.Options, error) {
	c := cfg.Temporal
	o := temporal.Options{
		Address: c.Address, Namespace: c.Namespace, TaskQueue: c.TaskQueue, APIKey: string(c.APIKey), Logger: log,
		Schedules: Schedules(cfg), ScheduleTimeout: Limits(cfg).ExecutionTimeout(),
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

// Schedules lists the configured schedules, including those that are switched off.
func Schedules(cfg *config.Config) (specs []temporal.ScheduleSpec) {
	for _, t := range cfg.Tenants {
		for _, s := range t.Schedules() {
			spec := temporal.ScheduleSpec{TenantID: t.ID, Mode: s.Mode, Group: s.Group, Cron: s.Cron, Timezone: t.Timezone.String(), Default: t.Entities}
			if !s.All { // else the bridge's configuration decides, as for other requests without entities
				spec.Entities = s.Entities
			}
			specs = append(specs, spec)
		}
	}
	return specs
}

// Parallel returns how many entities a run of a tenant reads at once: as many as use its rate budget, in
// calls per second, if ServiceTitan answers each after a second.
func Parallel(callsPerSecond float64) int {
	return min(max(int(math.Ceil(callsPerSecond)), workflows.DefaultLimits.Parallel), workflows.MaxParallel)
}

// TimeZones returns the time zones of the tenants.
func TimeZones(cfg *config.Config) store.TimeZones {
	zones := store.TimeZones{}
	for _, t := range cfg.Tenants {
		zones[t.ID] = t.Timezone.String()
	}
	return zones
}

// Limits returns the limits of a run.
func Limits(cfg *config.Config) workflows.Limits {
	l := workflows.DefaultLimits
	l.Deadline, l.PauseLimit = cfg.Sync.RunDeadline, cfg.Sync.PauseLimit
	return l
}
