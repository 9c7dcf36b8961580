package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/telemetry"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/workflows"
)

// openStream returns a NATS connection that is established in the background. The server
// shows name in its list of connections.
func openStream(cfg *config.Config, name string, log zerolog.Logger) (*stream.Conn, error) {
	c := cfg.NATS
	o := stream.Options{URL: c.URL, Creds: c.Creds, InboxPrefix: c.InboxPrefix, Name: "lazisync " + name, Logger: log}
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

// connectStream connects to NATS for a command, and waits until it is connected. If
// declared is set, the streams must exist.
func connectStream(ctx context.Context, cfg *config.Config, declared bool) (*stream.Conn, error) {
	conn, err := openStream(cfg, "cli", zerolog.Nop())
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
		select {
		case <-ctx.Done():
			conn.Close()
			return nil, fmt.Errorf("NATS at %s: %w", cfg.Value("NATS_URL").Text, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func openStore(ctx context.Context, cfg *config.Config, role string, connections int32, log zerolog.Logger) (*store.Store, error) {
	return store.Open(ctx, string(cfg.DatabaseURL), store.Options{
		MaxConns: connections, Application: "lazisync " + role, Tenants: cfg.TenantIDs(), DeleteGuard: cfg.Sync.DeleteGuard, Logger: log,
	})
}

// openTemporal returns a Temporal client that connects on its first call.
func openTemporal(cfg *config.Config, log zerolog.Logger) (*temporal.Client, error) {
	o, err := temporalOptions(cfg, log)
	if err != nil {
		return nil, err
	}
	return temporal.Open(o)
}

func temporalOptions(cfg *config.Config, log zerolog.Logger) (temporal.Options, error) {
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

// scheduleSpecs lists the configured schedules, including those that are switched off.
func scheduleSpecs(cfg *config.Config) (specs []temporal.ScheduleSpec) {
	for _, t := range cfg.Tenants {
		zone := t.Timezone.String()
		specs = append(specs,
			temporal.ScheduleSpec{TenantID: t.ID, Mode: events.Incremental, Cron: t.ScheduleIncremental, Timezone: zone},
			temporal.ScheduleSpec{TenantID: t.ID, Mode: events.Full, Cron: t.ScheduleFull, Timezone: zone})
	}
	return specs
}

// limits returns the limits of a run.
func limits(cfg *config.Config) workflows.Limits {
	l := workflows.DefaultLimits
	l.Deadline, l.PauseLimit = cfg.Sync.RunDeadline, cfg.Sync.PauseLimit
	return l
}

// newServiceTitan returns a client of the ServiceTitan API. It shares the rate budget of
// each tenant through the rate limiter or, if that is nil, alone.
func newServiceTitan(cfg *config.Config, limiter servicetitan.RateLimiter, log zerolog.Logger) *servicetitan.Client {
	st := cfg.ServiceTitan
	tenants, budgets := map[string]servicetitan.Credentials{}, map[string]float64{}
	for _, t := range cfg.Tenants {
		tenants[t.ID] = servicetitan.Credentials{
			ClientID: t.ClientID, ClientSecret: servicetitan.Secret(t.ClientSecret), AppKey: servicetitan.Secret(t.AppKey),
		}
		budgets[t.ID] = t.RequestsPerSecond
	}
	return servicetitan.New(servicetitan.Options{
		Environment: servicetitan.Environment(st.Environment), APIURL: st.APIURL, AuthURL: st.AuthURL,
		Tenants: tenants, Budgets: budgets, RateLimiter: limiter, Logger: log, UserAgent: "lazisync/" + telemetry.Version(),
	})
}

// databaseLimiter shares rate budgets between processes, in PostgreSQL.
type databaseLimiter struct{ store *store.Store }

// Lease implements servicetitan.RateLimiter.
func (l databaseLimiter) Lease(ctx context.Context, r servicetitan.LeaseRequest) (servicetitan.LeaseGrant, error) {
	grant, err := l.store.LeaseCalls(ctx, store.LeaseRequest(r))
	return servicetitan.LeaseGrant(grant), err
}

// Throttle implements servicetitan.RateLimiter.
func (l databaseLimiter) Throttle(ctx context.Context, tenantID string, perSecond float64, wait time.Duration) error {
	return l.store.ThrottleCalls(ctx, tenantID, perSecond, wait)
}

// namespaceFix says what to do if the ledger belongs to another Temporal namespace.
const namespaceFix = "correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE; if that Temporal is lost, run lazisync migrate --accept-namespace: " +
	"open runs end as failed"

// namespaceVerifier verifies that the ledger belongs to the Temporal namespace, and says
// what to do if it does not.
type namespaceVerifier struct{ *temporal.NamespaceVerifier }

func newNamespaceVerifier(c *temporal.Client, s *store.Store) namespaceVerifier {
	return namespaceVerifier{temporal.NewNamespaceVerifier(c, s)}
}

func (v namespaceVerifier) verify(ctx context.Context) error { return withFix(v.Verify(ctx)) }

func (v namespaceVerifier) verifyNow(ctx context.Context) error { return withFix(v.VerifyNow(ctx)) }

func withFix(err error) error {
	if errors.Is(err, temporal.ErrForeignNamespace) {
		return fmt.Errorf("%w: %s", err, namespaceFix)
	}
	return err
}
