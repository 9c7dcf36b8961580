package app

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/metrics"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/telemetry"
)

// gateway serves webhooks, the REST API and the web page. It binds its address at once.
func (p *process) gateway() (part, string, error) {
	if err := p.cfg.HTTP.Validate(); err != nil {
		return nil, "", err
	}
	var tokens []gateway.Token
	for _, t := range p.cfg.HTTP.Tokens {
		tokens = append(tokens, gateway.NewToken(t.Name, gateway.Role(t.Role), string(t.Secret)))
	}
	perSecond := map[events.TenantID]float64{}
	for _, t := range p.cfg.Tenants {
		perSecond[t.ID] = t.RequestsPerSecond
	}
	g, err := gateway.New(gateway.Options{
		Publisher: p.stream,
		Ledger:    p.store,
		Audit:     p.store,
		Temporal:  p.temporal,
		Subscribe: func(ctx context.Context, deliver func(events.Message)) error {
			return p.stream.Subscribe(ctx, cli.RequestSubjects, stream.StartPosition{}, deliver)
		},
		DeadLetters:       p.stream,
		Handlings:         p.store,
		History:           p.stream.History,
		Tenants:           p.cfg.TenantIDs(),
		Entities:          entity.Names(),
		RequestsPerSecond: perSecond,
		Webhooks:          p.webhooks(),
		Tokens:            tokens,
		Ready:             p.ready,
		Metrics:           p.metricsHandler(),
		Logger:            p.log,
	})
	if err != nil {
		return nil, "", err
	}
	l, err := net.Listen("tcp", p.cfg.HTTP.Addr)
	if err != nil {
		return nil, "", fmt.Errorf("HTTP_ADDR: %w", err)
	}
	return func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return g.Serve(ctx, l) })
		group.Go(func() error {
			return p.stream.Serve(ctx, telemetry.Version(),
				stream.Endpoint{Name: "status", Description: "what needs attention, states of entities, latest runs", Handle: g.AnswerStatus},
				stream.Endpoint{Name: "request", Description: "requests a sync; the data is that of sync.requested", Handle: g.AnswerRequest},
			)
		})
		return group.Wait()
	}, l.Addr().String(), nil
}

// webhooks returns how the gateway verifies webhooks, with a counter of their results.
func (p *process) webhooks() gateway.Webhooks {
	st := p.cfg.ServiceTitan
	webhooks := gateway.Webhooks{
		Header: st.WebhookHeader, Encoding: st.WebhookEncoding, Entities: st.WebhookEntities, Keys: map[string][]string{},
		OnDelivery: metrics.NewWebhooks(p.metrics),
	}
	for _, t := range p.cfg.Tenants {
		for _, key := range t.WebhookSecrets {
			webhooks.Keys[string(t.ID)] = append(webhooks.Keys[string(t.ID)], string(key))
		}
	}
	return webhooks
}
