package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/connect"
	"github.com/lazi/lazisync/internal/doctor"
	"github.com/lazi/lazisync/internal/metrics"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/telemetry"
	"github.com/lazi/lazisync/internal/temporal"
	"github.com/lazi/lazisync/workflows"
)

// process is a running role and the connections that its parts share.
type process struct {
	cfg     *config.Config
	role    Role
	log     zerolog.Logger
	metrics *prometheus.Registry
	otlp    *telemetry.OTLP
	ready   *probe.Readiness
	breaker []probe.Probe // of what the bridge calls for each command

	notPrepared atomic.Pointer[error] // why the bridge does not consume yet, nil if it does

	stream     *stream.Conn
	store      *store.Store // nil if the role has no database
	temporal   *temporal.Client
	namespace  *temporal.NamespaceVerifier // of the bridge and the worker
	refusals   activities.Refusals         // of the worker
	fields     probe.Probe                 // of the worker
	apiMetrics *metrics.ServiceTitan       // of the worker
}

// Started has the addresses at which a process listens.
type Started struct {
	Admin   string
	Gateway string // "" if the role has no gateway
}

// Run runs a role until ctx ends, and then stops it within 30 seconds:
//
//  1. Each part stops taking work and finishes what it has begun: the bridge and the
//     notifier their batch, the gateway its requests, the worker the pages in flight and then
//     the activities that report them.
//  2. The connections close in the reverse order of opening: Temporal, PostgreSQL, and NATS
//     last, because the other parts publish until they have stopped. Meanwhile the last traces
//     and metrics are exported.
//
// Run does not wait for servers: /readyz reports those that are missing until they are
// there. It returns an error with cli.ExitUsage if the configuration keeps the role from
// starting, for example because an address is in use. onStart, if not nil, is called once
// with the addresses.
func Run(ctx context.Context, cfg *config.Config, role Role, log zerolog.Logger, onStart func(Started)) error {
	p := &process{cfg: cfg, role: role, log: log.With().Str("role", role.Name).Logger(), metrics: telemetry.NewRegistry()}
	telemetry.WarnOpenFiles(p.log)
	if role.includes(BridgeRole) {
		p.logScheduleWarnings()
	}
	var err error
	if p.otlp, err = telemetry.StartOTLP(cfg.OTLP, role.Name, p.metrics, p.log); err != nil {
		return cli.UsageError(err)
	}
	defer p.close()
	if err := p.open(ctx); err != nil {
		return cli.UsageError(err)
	}
	parts, addrs, err := p.parts()
	if err != nil {
		return cli.UsageError(err)
	}
	if onStart != nil {
		onStart(addrs)
	}
	p.log.Info().Str("version", telemetry.Version()).Str("admin", addrs.Admin).Str("gateway", addrs.Gateway).Msg("started")
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		g.Go(func() error { return part(ctx) })
	}
	err = g.Wait()
	p.log.Info().Msg("stopped")
	return err
}

// open opens the connections of the role, which are established in the background.
func (p *process) open(ctx context.Context) (err error) {
	if p.stream, err = connect.Stream(p.cfg, p.role.Name, metrics.NewStream(p.metrics, p.role.Consumers), p.otlp.TracerProvider(), p.log); err != nil {
		return err
	}
	probes := []probe.Probe{p.whilePrepared(doctor.NATSProbe(p.stream, p.role.Role))}
	if p.role.Database {
		recorder := metrics.NewStore(p.metrics, tenants(p.cfg))
		if p.store, err = connect.Store(ctx, p.cfg, p.role.Name, p.role.Connections, recorder, p.otlp.TracerProvider(), p.log); err != nil {
			return err
		}
		p.breaker = append(p.breaker, doctor.DatabaseProbe(p.store, p.role.Role))
	}
	if p.role.Temporal {
		options, err := connect.TemporalOptions(p.cfg, p.log)
		if err != nil {
			return err
		}
		options.Tracer = p.otlp.TracerProvider()
		if p.role.includes(WorkerRole) {
			p.apiMetrics = metrics.NewServiceTitan(p.metrics, tenants(p.cfg))
			p.fields = doctor.FieldsProbe(p.store, p.cfg.Sync.Fields.Rules())
			options.Polls = &temporal.Polls{}
			options.OnWorkflowTaskFailed = metrics.NewFailedWorkflowTasks(p.metrics)
			options.Metrics = p.metrics
			probes = append(probes, doctor.PollProbe(options.Polls, options.TaskQueue), runsProbe(&p.refusals), p.fields)
		}
		if p.temporal, err = temporal.Open(options); err != nil {
			return err
		}
		p.breaker = append(p.breaker, p.temporalProbe())
	}
	p.ready = probe.New(p.role.Name, p.log, append(probes, p.breaker...)...)
	return nil
}

// temporalProbe returns the probe of Temporal. For the bridge and the worker it also fails
// if the ledger belongs to another namespace.
func (p *process) temporalProbe() probe.Probe {
	one := doctor.TemporalProbe(p.temporal)
	if !p.role.includes(BridgeRole) && !p.role.includes(WorkerRole) {
		return one
	}
	p.namespace = temporal.NewNamespaceVerifier(p.temporal, p.store, connect.NamespaceFix)
	ping := one.Check
	one.Check = func(ctx context.Context) error {
		if err := ping(ctx); err != nil {
			return err
		}
		return p.namespace.Verify(ctx)
	}
	return one
}

// part is one thing that a role does until its context ends.
type part = func(ctx context.Context) error

// parts returns what the role does, and binds its addresses, so that one in use fails the
// start.
func (p *process) parts() (parts []part, addrs Started, err error) {
	if p.role.includes(BridgeRole) {
		parts = append(parts, p.bridge()...)
	}
	if p.role.includes(WorkerRole) {
		parts = append(parts, p.runWorker)
	}
	if p.role.includes(NotifierRole) {
		notifier, err := p.notifier()
		if err != nil {
			return nil, addrs, err
		}
		parts = append(parts, notifier)
	}
	if p.role.includes(GatewayRole) {
		gateway, addr, err := p.gateway()
		if err != nil {
			return nil, addrs, err
		}
		parts, addrs.Gateway = append(parts, gateway), addr
	}
	admin, addr, err := p.admin()
	if err != nil {
		return nil, addrs, err
	}
	addrs.Admin = addr
	return append(parts, admin, p.gauges().Run, p.logDrift, p.checkDatabase), addrs, nil
}

// storeCloseTimeout bounds the wait for connections in use, which may wait for a PostgreSQL
// server that does not respond.
const storeCloseTimeout = 3 * time.Second

// close closes the connections that are open.
func (p *process) close() {
	exported := make(chan struct{})
	go func() {
		p.otlp.Stop(p.log)
		close(exported)
	}()
	defer func() { <-exported }()
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
		case <-time.After(storeCloseTimeout):
			p.log.Warn().Msg("PostgreSQL connections do not close, stopping without them")
		}
	}
	if p.stream != nil {
		p.stream.Close()
	}
}

// retryInterval is the wait between attempts while a server does not answer.
const retryInterval = time.Second

// checkDatabase ends the role with an error if the database can never serve it. It retries
// while PostgreSQL does not answer.
func (p *process) checkDatabase(ctx context.Context) error {
	if p.store == nil {
		return nil
	}
	for {
		err := p.store.CheckSupported(ctx)
		if err == nil {
			return nil
		}
		if unsupported, is := errors.AsType[*store.UnsupportedServerError](err); is {
			return cli.UsageError(fmt.Errorf("DATABASE_URL: %w", unsupported))
		}
		if !backoff.Sleep(ctx, retryInterval) {
			return nil
		}
	}
}

// logDrift logs each field of the streams, and of the role's consumers, that differs from
// its declaration, and ends. Nothing is changed: an operator may have meant it, and only
// migrate applies declarations. It retries while NATS does not answer.
func (p *process) logDrift(ctx context.Context) error {
	for {
		err := p.stream.Ready(ctx, p.role.Consumers...)
		var differences []stream.Difference
		if err == nil {
			differences, err = p.stream.Drift(ctx, p.role.Consumers...)
		}
		if err == nil {
			for _, d := range differences {
				p.log.Warn().Str("object", d.Object).Str("field", d.Field).Str("got", d.Got).Str("want", d.Want).
					Msg("stream or consumer differs from its declaration, apply it with lazisync migrate")
			}
			return nil
		}
		if !backoff.Sleep(ctx, 5*retryInterval) {
			return nil // /readyz has the reason
		}
	}
}

// logScheduleWarnings logs clock changes that affect the schedules.
func (p *process) logScheduleWarnings() {
	for _, w := range p.cfg.ScheduleWarnings(time.Now()) {
		p.log.Warn().Str("schedule", workflows.ScheduleID(w.Mode, w.TenantID, w.Group)).Str("reason", w.Text).
			Msg("a clock change affects a schedule, choose another time of day")
	}
}
