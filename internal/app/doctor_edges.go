package app

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/notify/slack"
)

// examineGateway judges what the gateway is configured with.
func (d *doctor) examineGateway(context.Context) (f findings) {
	listen := d.cfg.HTTP
	switch err := listen.Validate(); {
	case err != nil:
		f.fail("set API_TOKENS, or HTTP_ADDR to an address of this machine alone", "gateway", "%v", err)
	case len(listen.Tokens) == 0:
		f.ok("gateway", "%s, without tokens: this machine alone", listen.Addr)
	default:
		f.ok("gateway", "%s, %d tokens", listen.Addr, len(listen.Tokens))
	}
	for _, t := range d.cfg.Tenants {
		check := "webhooks of tenant " + t.ID
		if len(t.WebhookSecrets) == 0 {
			f.warn("set SERVICETITAN_WEBHOOK_SECRET, or the tenant's own in the tenants file, to the key of ServiceTitan's developer portal", check,
				"no key: its webhooks are answered with 404, and changes wait for the next incremental sync")
			continue
		}
		f.ok(check, "%d keys, signature in %s", len(t.WebhookSecrets), d.cfg.ServiceTitan.WebhookHeader)
	}
	return f
}

// defaultWebhook stands for the webhook of channels that have none of their own.
const defaultWebhook = "webhook"

// examineSlack asks each webhook for an answer to a message without text, which Slack
// refuses and shows to nobody.
func (d *doctor) examineSlack(ctx context.Context) (f findings) {
	webhooks := map[string]string{}
	if u := d.cfg.Slack.WebhookURL; u != "" {
		webhooks[defaultWebhook] = string(u)
	}
	for channel, u := range d.cfg.Slack.WebhookURLs {
		webhooks[channel] = string(u)
	}
	if len(webhooks) == 0 {
		f.warn("set SLACK_WEBHOOK_URL", "slack", "no webhook: messages are logged")
		return f
	}
	for _, channel := range slices.Sorted(maps.Keys(webhooks)) {
		check := "slack " + channel
		if err := slack.CheckWebhook(ctx, http.DefaultClient, webhooks[channel]); err != nil {
			f.fail("make a new incoming webhook in Slack, and set it in SLACK_WEBHOOK_URL or SLACK_WEBHOOK_URLS", check, "%v", err)
			continue
		}
		f.ok(check, "%s", "the webhook answers"+ownChannel(webhooks[channel]))
	}
	return f
}

// ownChannel reminds of what webhooks of Slack apps do with the channel of a message.
func ownChannel(webhook string) string {
	if strings.Contains(webhook, "hooks.slack.com/services/") {
		return "; one of a Slack app posts to its own channel, whatever a request says"
	}
	return ""
}
