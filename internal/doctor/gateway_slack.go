package doctor

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/notify/slack"
)

// checkGateway checks the configuration of the gateway.
func (d *Doctor) checkGateway(context.Context) (f findings) {
	listen := d.Config.HTTP
	switch err := listen.Validate(); {
	case err != nil:
		f.fail("set API_TOKENS, or set HTTP_ADDR to a loopback address", "gateway", "%v", err)
	case len(listen.Tokens) == 0:
		f.ok("gateway", "%s, no tokens, this machine only", listen.Addr)
	default:
		f.ok("gateway", "%s, %d tokens", listen.Addr, len(listen.Tokens))
	}
	for _, t := range d.Config.Tenants {
		check := "webhooks of tenant " + string(t.ID)
		if len(t.WebhookSecrets) == 0 {
			f.warn("set SERVICETITAN_WEBHOOK_SECRET, or webhookSecret in the tenants file, to the key from ServiceTitan's developer portal", check,
				"no key: webhooks are answered with 404, and changes are read by the next incremental sync")
			continue
		}
		f.ok(check, "%d keys, signature in header %s", len(t.WebhookSecrets), d.Config.ServiceTitan.WebhookHeader)
	}
	return f
}

// defaultWebhook names the webhook of channels without one of their own.
const defaultWebhook = "webhook"

// checkSlack asks whether the bot's token is valid and posts a message without text to each
// webhook. Slack rejects it and displays nothing.
func (d *Doctor) checkSlack(ctx context.Context) (f findings) {
	webhooks := map[string]string{}
	if u := d.Config.Slack.WebhookURL; u != "" {
		webhooks[defaultWebhook] = string(u)
	}
	for channel, u := range d.Config.Slack.WebhookURLs {
		webhooks[channel] = string(u)
	}
	hasBot := d.Config.Slack.BotToken != ""
	if len(webhooks) == 0 && !hasBot {
		f.warn("set SLACK_BOT_TOKEN or SLACK_WEBHOOK_URL", "slack", "no bot and no webhook: notifications are logged")
		return f
	}
	if hasBot {
		workspace, user, err := slack.CheckBot(ctx, http.DefaultClient, d.Config.Slack.APIURL, string(d.Config.Slack.BotToken))
		if err != nil {
			f.fail("install the Slack app with the scope chat:write and set its bot token in SLACK_BOT_TOKEN", "slack bot", "%v", err)
		} else {
			f.ok("slack bot", "%s", user+" in workspace "+workspace)
		}
	}
	for _, channel := range slices.Sorted(maps.Keys(webhooks)) {
		check := "slack " + channel
		if err := slack.CheckWebhook(ctx, http.DefaultClient, webhooks[channel]); err != nil {
			f.fail("create a new incoming webhook in Slack and set it in SLACK_WEBHOOK_URL or SLACK_WEBHOOK_URLS", check, "%v", err)
			continue
		}
		f.ok(check, "%s", "the webhook responds"+channelNote(webhooks[channel]))
	}
	return f
}

// channelNote says that webhooks of Slack apps ignore the channel of a message.
func channelNote(webhook string) string {
	if strings.Contains(webhook, "hooks.slack.com/services/") {
		return "; it belongs to a Slack app and posts to its own channel only"
	}
	return ""
}
