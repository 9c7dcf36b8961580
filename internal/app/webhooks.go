package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lazi/lazisync/internal/gateway"
)

// webhooks says how the gateway checks deliveries, and counts them.
func (p *process) webhooks() gateway.Webhooks {
	st := p.cfg.ServiceTitan
	received := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lazisync_gateway_webhooks_total", Help: "Webhook deliveries by result.",
	}, []string{"result"})
	p.metrics.MustRegister(received)
	for _, result := range gateway.WebhookResults {
		received.WithLabelValues(string(result))
	}
	webhooks := gateway.Webhooks{
		Header: st.WebhookHeader, Encoding: st.WebhookEncoding, Entities: st.WebhookEntities, Keys: map[string][]string{},
		OnDelivery: func(result gateway.WebhookResult) { received.WithLabelValues(string(result)).Inc() },
	}
	for _, t := range p.cfg.Tenants {
		for _, key := range t.WebhookSecrets {
			webhooks.Keys[t.ID] = append(webhooks.Keys[t.ID], string(key))
		}
	}
	return webhooks
}
