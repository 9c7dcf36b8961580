package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/gateway"
)

// webhooks says how the gateway checks deliveries, and counts them.
func (p *process) webhooks() gateway.Webhooks {
	st := p.cfg.ServiceTitan
	received := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lazisync_gateway_webhooks_total", Help: "Webhook deliveries, by what became of them.",
	}, []string{"result"})
	p.metrics.MustRegister(received)
	for _, result := range gateway.WebhookResults {
		received.WithLabelValues(string(result))
	}
	webhooks := gateway.Webhooks{
		Header: st.WebhookHeader, Encoding: st.WebhookEncoding, Entities: st.WebhookEntities, Keys: map[string][]string{},
		Received: func(result gateway.WebhookResult) { received.WithLabelValues(string(result)).Inc() },
	}
	for _, t := range p.cfg.Tenants {
		for _, key := range t.WebhookSecrets {
			webhooks.Keys[t.ID] = append(webhooks.Keys[t.ID], string(key))
		}
	}
	return webhooks
}

func webhookSecrets(t *Tenant, text string) error {
	t.WebhookSecrets = nil
	for part := range strings.SplitSeq(text, ",") {
		if len(part) < minWebhookSecret {
			return fmt.Errorf("one key or several, separated by commas, each of at least %d characters", minWebhookSecret)
		}
		t.WebhookSecrets = append(t.WebhookSecrets, Secret(part))
	}
	return nil
}

func webhookEncoding(c *Config, text string) error {
	switch text {
	case gateway.EncodingHex, gateway.EncodingBase64:
		c.ServiceTitan.WebhookEncoding = text
	case "any":
		c.ServiceTitan.WebhookEncoding = ""
	default:
		return errors.New("hex, base64 or any")
	}
	return nil
}

func webhookEntities(c *Config, text string) error {
	c.ServiceTitan.WebhookEntities = map[string][]string{}
	for part := range strings.SplitSeq(text, ";") {
		event, list, ok := strings.Cut(part, "=")
		event = strings.TrimSpace(event)
		if !ok || event == "" {
			return errors.New("event=entity,entity;event=entity")
		}
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			if _, ok := entity.Find(name); !ok {
				return fmt.Errorf("event=entity,entity;event=entity: %q is no entity, lazisync entities lists them", name)
			}
			c.ServiceTitan.WebhookEntities[event] = append(c.ServiceTitan.WebhookEntities[event], name)
		}
	}
	return nil
}
