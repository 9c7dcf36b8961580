package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/workflows"
)

// process is one running lazisync: the connections its roles share.
type process struct {
	cfg     *Config
	log     zerolog.Logger
	metrics *prometheus.Registry
	ready   *probe.Readiness
	breaker []probe.Probe // what the bridge calls for each command

	unprepared atomic.Pointer[error] // why the bridge does not consume yet
	refusals   activities.Refusals   // of the worker

	nats      *stream.Conn
	store     *store.Store // nil where the role needs none
	namespace *namespace   // of the bridge and the worker
	temporal  *temporal.Client
	source    *servicetitan.Client
}

// Started says where a process listens.
type Started struct {
	Admin   string
	Gateway string // "" where the role has none
}

// Run runs a role until ctx ends, then stops it within 30 seconds: nothing new is
// taken, what is under way is finished, and the connections close last. It connects
// for as long as it takes; /readyz says what is missing. What keeps it from starting is
// in the configuration, such as an address that is taken. started, if not nil, is told
// where it listens.
func Run(ctx context.Context, cfg *Config, role Role, log zerolog.Logger, started func(Started)) error {
	p := &process{cfg: cfg, log: log.With().Str("role", role.Name).Logger(), metrics: newMetrics()}
	checkOpenFiles(openFiles(), p.log)
	if role.Name == BridgeRole.Name || role.Name == ServeRole.Name {
		logScheduleWarnings(cfg, p.log)
	}
	if err := p.open(ctx, role); err != nil {
		p.close()
		return usage(err)
	}
	defer p.close()
	jobs, at, err := p.jobs(role)
	if err != nil {
		return usage(err)
	}
	if started != nil {
		started(at)
	}
	p.log.Info().Str("version", Version()).Str("admin", at.Admin).Str("gateway", at.Gateway).Msg("started")
	g, ctx := errgroup.WithContext(ctx)
	for _, job := range jobs {
		g.Go(func() error { return job(ctx) })
	}
	err = g.Wait()
	p.log.Info().Msg("stopped")
	return err
}

// open makes the clients that a role needs. None of them waits for its server.
func (p *process) open(ctx context.Context, role Role) (err error) {
	if p.nats, err = openNATS(p.cfg.NATS, role.Name, p.log); err != nil {
		return err
	}
	probes := []probe.Probe{p.consuming(natsProbe(p.nats, role))}
	if slices.Contains(role.needs, "DATABASE_URL") {
		if p.store, err = store.Open(ctx, string(p.cfg.DatabaseURL), store.Options{
			MaxConns: role.connections, Application: "lazisync " + role.Name, Tenants: p.cfg.TenantIDs(), DeleteGuard: p.cfg.Sync.DeleteGuard, Logger: p.log,
		}); err != nil {
			return err
		}
		p.breaker = append(p.breaker, databaseProbe(p.store, role))
	}
	if role.Name != NotifierRole.Name {
		options, err := temporalOptions(p.cfg, p.log)
		if err != nil {
			return err
		}
		if role.is(WorkerRole) {
			options.Polls = &temporal.Polls{}
			options.OnWorkflowTaskFailed = countFailedWorkflowTasks(p.metrics)
			probes = append(probes, pollProbe(options.Polls, options.TaskQueue), runsProbe(&p.refusals))
		}
		if p.temporal, err = temporal.Open(options); err != nil {
			return err
		}
		answers := temporalProbe(p.temporal)
		if role.is(BridgeRole) || role.is(WorkerRole) {
			p.namespace = newNamespace(p.temporal, p.store)
			ping := answers.Check
			answers.Check = func(ctx context.Context) error {
				if err := ping(ctx); err != nil {
					return err
				}
				return p.namespace.verify(ctx)
			}
		}
		p.breaker = append(p.breaker, answers)
	}
	p.ready = probe.New(role.Name, p.log, append(probes, p.breaker...)...)
	p.source = newSource(p.cfg, p.pool(), p.log)
	return nil
}

// consuming is a probe that fails also while the bridge does not consume.
func (p *process) consuming(one probe.Probe) probe.Probe {
	works := one.Check
	one.Check = func(ctx context.Context) error {
		if err := works(ctx); err != nil {
			return err
		}
		if why := p.unprepared.Load(); why != nil {
			return *why
		}
		return nil
	}
	return one
}

// newSource makes the client of ServiceTitan. It connects to nothing. Its calls are taken
// from the pool, or from budgets of its own where that is nil.
func newSource(cfg *Config, pool servicetitan.RateLimiter, log zerolog.Logger) *servicetitan.Client {
	st := cfg.ServiceTitan
	tenants, budgets := map[string]servicetitan.Credentials{}, map[string]float64{}
	for _, t := range cfg.Tenants {
		tenants[t.ID] = servicetitan.Credentials{ClientID: t.ClientID, ClientSecret: servicetitan.Secret(t.ClientSecret), AppKey: servicetitan.Secret(t.AppKey)}
		budgets[t.ID] = t.RequestsPerSecond
	}
	return servicetitan.New(servicetitan.Options{
		Environment: servicetitan.Environment(st.Environment), APIURL: st.APIURL, AuthURL: st.AuthURL, Tenants: tenants, Budgets: budgets, RateLimiter: pool, Logger: log,
		UserAgent: "lazisync/" + Version(),
	})
}

// openNATS makes a connection that comes about when the server answers.
func openNATS(c config.NATSConfig, name string, log zerolog.Logger) (*stream.Conn, error) {
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

// storeClose is how long to wait for connections to PostgreSQL that are in use: what they
// wait for may be a server that does not answer.
const storeClose = 3 * time.Second

// close closes the connections, the one that tells of things last.
func (p *process) close() {
	if p.temporal != nil {
		p.temporal.Close()
	}
	if p.store != nil {
		closed := make(chan struct{})
		go func() {
			p.store.Close()
			close(closed)
		}()
		select {
		case <-closed:
		case <-time.After(storeClose):
			p.log.Warn().Msg("PostgreSQL does not let go of its connections, not waiting for it")
		}
	}
	if p.nats != nil {
		p.nats.Close()
	}
}

// suitableRetry is how long to wait between questions whether the database is suitable,
// while it does not answer.
const suitableRetry = time.Second

// refuseDatabase ends the role with an error where the database it starts with can never
// serve it. It waits for one that does not answer.
func (p *process) refuseDatabase(ctx context.Context) error {
	if p.store == nil {
		return nil
	}
	for {
		var unsuitable *store.UnsupportedServerError
		err := p.store.CheckSupported(ctx)
		switch {
		case err == nil:
			return nil
		case errors.As(err, &unsuitable):
			return usage(fmt.Errorf("DATABASE_URL: %w", unsuitable))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(suitableRetry):
		}
	}
}

// job is one thing a role does until its context ends.
type job = func(ctx context.Context) error

// jobs lists what a role does, and binds its addresses so that a taken one is an
// error at once.
func (p *process) jobs(role Role) (jobs []job, at Started, err error) {
	is := func(r Role) bool { return role.Name == r.Name || role.Name == ServeRole.Name }
	if is(BridgeRole) {
		jobs = append(jobs, p.bridgeJobs()...)
	}
	if is(WorkerRole) {
		jobs = append(jobs, p.runWorker)
	}
	if is(NotifierRole) {
		notifier, err := p.notifierJob()
		if err != nil {
			return nil, at, err
		}
		jobs = append(jobs, notifier)
	}
	if is(GatewayRole) {
		gateway, addr, err := p.gatewayJob()
		if err != nil {
			return nil, at, err
		}
		jobs, at.Gateway = append(jobs, gateway), addr
	}
	admin, addr, err := p.adminJob(role)
	if err != nil {
		return nil, at, err
	}
	at.Admin = addr
	return append(jobs, admin, p.tellDrift(role), p.refuseDatabase), at, nil
}

// logScheduleWarnings logs what the coming changes of the clocks do to the schedules.
func logScheduleWarnings(cfg *Config, log zerolog.Logger) {
	for _, w := range cfg.ScheduleWarnings(time.Now()) {
		log.Warn().Str("schedule", workflows.ScheduleID(w.Mode, w.TenantID)).Str("reason", w.Text).
			Msg("a change of the clocks affects a schedule, choose another time of day")
	}
}
