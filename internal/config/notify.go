package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// WebhookChannel is the name of NOTIFY_WEBHOOK_URL as a channel.
const WebhookChannel = "webhook"

func notifyWebhookURL(c *Config, text string) error {
	if !isSlackURL(text) {
		return errors.New("the https address of a receiver of webhooks")
	}
	c.Notify.WebhookURL = Secret(text)
	return nil
}

// The length of a key that the Standard Webhooks specification recommends, in bytes.
const minSigningKey, maxSigningKey = 24, 64

const signingKeyPrefix = "whsec_"

func notifyWebhookSecrets(c *Config, text string) error {
	c.Notify.WebhookSecrets = nil
	for part := range strings.SplitSeq(text, ",") {
		part = clean(part)
		encoded, ok := strings.CutPrefix(part, signingKeyPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) < minSigningKey || len(key) > maxSigningKey {
			return fmt.Errorf("%s and %d to %d bytes in base64, such as whsec_$(openssl rand -base64 32); two keys are separated by a comma",
				signingKeyPrefix, minSigningKey, maxSigningKey)
		}
		c.Notify.WebhookSecrets = append(c.Notify.WebhookSecrets, Secret(part))
	}
	return nil
}

// SplitNotifyURLs reads the name=URL pairs of NOTIFY_URLS, separated by blanks.
func SplitNotifyURLs(text string) (map[string]Secret, error) {
	urls := map[string]Secret{}
	for _, pair := range strings.Fields(text) {
		name, u, ok := strings.Cut(pair, "=")
		if !ok || !isChannel(name) || strings.ContainsAny(name, ":/,;#@") || !strings.Contains(u, "://") {
			return nil, errors.New("name=URL pairs separated by blanks, such as oncall=pagerduty://…, with names without # and punctuation")
		}
		if _, twice := urls[name]; twice || name == WebhookChannel {
			return nil, fmt.Errorf("a name of its own for each URL, not %q again", name)
		}
		urls[name] = Secret(u)
	}
	return urls, nil
}

func notifyURLs(c *Config, text string) (err error) {
	c.Notify.URLs, err = SplitNotifyURLs(text)
	return err
}

// problems returns what is missing: a webhook has an address and a key, and one that a route
// names is configured.
func (c NotifyConfig) problems(others Problems) Problems {
	for _, problem := range others {
		if strings.HasPrefix(problem, "NOTIFY_WEBHOOK_") {
			return nil // the missing one may be the invalid one
		}
	}
	switch hasURL, hasKey := c.WebhookURL != "", len(c.WebhookSecrets) > 0; {
	case hasURL && !hasKey:
		return Problems{"NOTIFY_WEBHOOK_SECRET: not set, want the key that signs webhooks to NOTIFY_WEBHOOK_URL"}
	case hasKey && !hasURL:
		return Problems{"NOTIFY_WEBHOOK_URL: not set, want the receiver of the webhooks that NOTIFY_WEBHOOK_SECRET signs"}
	}
	for _, r := range c.Routes {
		if c.WebhookURL == "" && slices.Contains(r.Channels, WebhookChannel) {
			return Problems{"NOTIFY_WEBHOOK_URL: not set, want the receiver of what NOTIFY_ROUTES sends to " + WebhookChannel}
		}
	}
	return nil
}

// notifyKinds are the kinds of notifications that a route may name.
var notifyKinds = []string{"completed", "failed", "cancelled", "recovered", "warning", "rejected", "stale", "fresh", "*"}

func notifyRoutes(c *Config, text string) error {
	c.Notify.Routes = nil
	for part := range strings.SplitSeq(text, ";") {
		tenant, rest, ok := strings.Cut(part, "=")
		kinds, channels, hasChannels := strings.Cut(rest, ":")
		if tenant = clean(tenant); !ok || !hasChannels || !isWord(tenant) {
			return errors.New("tenant=kind,kind:channel,channel;tenant=kind:channel, with * for every tenant")
		}
		r := NotifyRoute{Tenant: tenant}
		for kind := range strings.SplitSeq(kinds, ",") {
			if kind = clean(kind); !slices.Contains(notifyKinds, kind) {
				return fmt.Errorf("kinds of %s, not %q", strings.Join(notifyKinds, ", "), kind)
			}
			r.Kinds = append(r.Kinds, kind)
		}
		for channel := range strings.SplitSeq(channels, ",") {
			if channel = clean(channel); !isChannel(channel) || strings.ContainsAny(channel, "=:") {
				return fmt.Errorf("channels such as #ops or %s after the colon, not %q", WebhookChannel, channel)
			}
			r.Channels = append(r.Channels, channel)
		}
		c.Notify.Routes = append(c.Notify.Routes, r)
	}
	return nil
}
