package app

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/slack"
	"github.com/lazi/lazisync/internal/stream"
)

const (
	requestBatch   = 500 // requests judged, recorded and answered at once
	controlBatch   = 1   // strictly one after another
	lostBatch      = 20
	notifierBatch  = 100 // what comes back together after an outage of Slack is told together
	reconcileEvery = 5 * time.Second
)

// bridgeJobs consume requests and controls, and mend what a crash left half done.
func (p *process) bridgeJobs() []job {
	answered := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lazisync_bridge_answers_total", Help: "Commands answered, by kind and answer.",
	}, []string{"kind", "answer"})
	mended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lazisync_bridge_mended_total", Help: "What the reconciler had to mend.",
	}, []string{"what"})
	p.metrics.MustRegister(answered, mended)
	for _, answer := range bridge.Answers { // from zero, or the first would not count as an increase
		answered.WithLabelValues(string(events.KindRequest), answer)
		answered.WithLabelValues(string(events.KindControl), answer)
	}
	for _, what := range bridge.ReconcileActions {
		mended.WithLabelValues(what)
	}
	var tenants []bridge.Tenant
	for _, t := range p.cfg.Tenants {
		tenants = append(tenants, bridge.Tenant{ID: t.ID, Entities: t.Entities, Channel: t.Channel})
	}
	b := bridge.New(bridge.Options{
		Ledger:             p.store,
		Publisher:          p.nats,
		Temporal:           p.temporal,
		History:            p.nats,
		VerifyNamespace:    p.namespace.verify,
		VerifyNamespaceNow: p.namespace.verifyNow,
		Logger:             p.log,

		Tenants:       tenants,
		KnownEntities: entity.Names(),
		Limits:        limits(p.cfg),
		RetryDelay:    stream.RetryDelay,
		SecondPass:    p.cfg.Sync.SecondPass,

		OnAnswer:    func(kind events.Kind, answer string) { answered.WithLabelValues(string(kind), answer).Inc() },
		OnReconcile: func(what string, times int) { mended.WithLabelValues(what).Add(float64(times)) },
	})
	requests := func(ctx context.Context, batch []*stream.Message) error {
		return b.HandleRequests(ctx, messages[bridge.Message](batch))
	}
	control := func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			if err := b.HandleControl(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}
	lost := func(ctx context.Context, batch []*stream.Message) error {
		return p.nats.ForEachExhausted(ctx, batch, func(m *stream.Exhausted) error { return b.HandleMaxDeliveries(ctx, m) })
	}
	return []job{
		p.prepared(b, p.consume(stream.ConsumerRequests, stream.BatchOptions{Max: requestBatch, Ready: p.bridgeReady}, requests)),
		p.prepared(b, p.consume(stream.ConsumerControl, stream.BatchOptions{Max: controlBatch, Ready: p.bridgeReady}, control)),
		p.prepared(b, p.consume(stream.ConsumerMaxDeliveries, stream.BatchOptions{Max: lostBatch, Ready: p.bridgeReady}, lost)),
		func(ctx context.Context) error { b.RunReconciler(ctx, reconcileEvery); return nil },
	}
}

// prepared runs a job once the bridge is prepared. Until then the role is not ready.
func (p *process) prepared(b *bridge.Bridge, j job) job {
	return func(ctx context.Context) error {
		var logged string
		for ctx.Err() == nil {
			err := b.Prepare(ctx)
			if err == nil {
				p.unprepared.Store(nil)
				return j(ctx)
			}
			err = fmt.Errorf("the bridge does not consume: %w", err)
			p.unprepared.Store(&err)
			if err.Error() != logged {
				logged = err.Error()
				p.log.Warn().Err(err).Msg("trying again")
			}
			pause(ctx, 2*time.Second)
		}
		return nil
	}
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// bridgeReady says whether what the bridge calls for each command works.
func (p *process) bridgeReady(ctx context.Context) error {
	for _, one := range p.breaker {
		if err := one.Check(ctx); err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
	}
	return nil
}

// notifierJob tells people of outcomes and rejected commands.
func (p *process) notifierJob() (job, error) {
	urls := map[string]string{}
	for channel, u := range p.cfg.Slack.WebhookURLs {
		urls[channel] = string(u)
	}
	sender, err := slack.New(slack.Options{
		URL: string(p.cfg.Slack.WebhookURL), URLs: urls, RunURL: p.cfg.Slack.RunURL, Logger: p.log,
	})
	if err != nil {
		return nil, err
	}
	told := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lazisync_notifier_notifications_total", Help: "What became of notifications.",
	}, []string{"result"})
	p.metrics.MustRegister(told)
	for _, result := range notify.Results {
		told.WithLabelValues(result)
	}
	n := notify.New(notify.Options{
		Sender: sender, Alerts: p.cfg.Slack.Channel, Window: p.cfg.Slack.FoldWindow, Logger: p.log,
		OnResult: func(what string) { told.WithLabelValues(what).Inc() },
	})
	return p.consume(stream.ConsumerNotifier, stream.BatchOptions{Max: notifierBatch}, func(ctx context.Context, batch []*stream.Message) error {
		return n.Handle(ctx, messages[notify.Delivery](batch))
	}), nil
}

func (p *process) consume(consumer string, o stream.BatchOptions, handle stream.Handler) job {
	return func(ctx context.Context) error { return p.nats.ConsumeBatches(ctx, consumer, o, handle) }
}

// messages hands deliveries to a role that knows them by its own interface.
func messages[M any](batch []*stream.Message) []M {
	out := make([]M, len(batch))
	for i, m := range batch {
		out[i] = any(m).(M)
	}
	return out
}

// gatewayJob serves HTTP. It binds its address at once.
func (p *process) gatewayJob() (job, string, error) {
	var tokens []gateway.Token
	for name, value := range p.cfg.HTTP.Tokens {
		tokens = append(tokens, gateway.NewToken(name, string(value)))
	}
	if err := p.cfg.HTTP.Validate(); err != nil {
		return nil, "", err
	}
	g, err := gateway.New(gateway.Options{
		Publisher: p.nats,
		Ledger:    p.store,
		Temporal:  p.temporal,
		Subscribe: func(ctx context.Context, deliver func(events.Message)) error {
			return p.nats.Subscribe(ctx, followed, stream.StartPosition{}, deliver)
		},
		Tenants:  p.cfg.TenantIDs(),
		Entities: entity.Names(),
		Webhooks: p.webhooks(),
		Tokens:   tokens,
		Ready:    p.ready,
		Metrics:  p.metricsHandler(),
		Logger:   p.log,
	})
	if err != nil {
		return nil, "", err
	}
	l, err := net.Listen("tcp", p.cfg.HTTP.Addr)
	if err != nil {
		return nil, "", fmt.Errorf("HTTP_ADDR: %w", err)
	}
	return func(ctx context.Context) error { return g.Serve(ctx, l) }, l.Addr().String(), nil
}
