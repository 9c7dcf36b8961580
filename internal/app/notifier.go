package app

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/metrics"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/shoutrrr"
	"github.com/lazi/lazisync/internal/notify/slack"
	"github.com/lazi/lazisync/internal/notify/webhook"
	"github.com/lazi/lazisync/internal/stream"
)

// notifierBatch is how many events are notified together after an outage of a channel.
const notifierBatch = 100

// notifier sends notifications about outcomes and rejected commands.
func (p *process) notifier() (part, error) {
	senders, err := p.senders()
	if err != nil {
		return nil, err
	}
	var routes []notify.Route
	copies := slices.Sorted(maps.Keys(senders.Named))
	for _, r := range p.cfg.Notify.Routes {
		routes = append(routes, notify.Route(r))
		copies = slices.DeleteFunc(copies, func(channel string) bool { return slices.Contains(r.Channels, channel) }) // it has routes of its own
	}
	n := notify.New(notify.Options{
		Sender: senders, Alerts: p.cfg.Slack.Channel, Routes: routes, Copies: copies, Window: p.cfg.Slack.FoldWindow,
		State: p.stream.Incidents(), Logger: p.log,
		OnResult: metrics.NewNotifications(p.metrics, slices.Collect(maps.Keys(senders.Named))),
	})
	return p.consume(stream.ConsumerNotifier, stream.BatchOptions{Max: notifierBatch}, func(ctx context.Context, batch []*stream.Message) error {
		return n.Handle(ctx, convert(batch, func(m *stream.Message) notify.Delivery { return m }))
	}), nil
}

// senders returns the senders of all channels: Slack, unless the channel is the webhook or the name
// of another service.
func (p *process) senders() (notify.Senders, error) {
	chat, err := slack.New(slack.Options{
		URL: string(p.cfg.Slack.WebhookURL), URLs: revealed(p.cfg.Slack.WebhookURLs),
		Token: string(p.cfg.Slack.BotToken), APIURL: p.cfg.Slack.APIURL, State: p.stream.Incidents(),
		RunURL: p.cfg.Slack.RunURL, Logger: p.log,
	})
	senders := notify.Senders{Default: chat, Named: map[string]notify.Sender{}}
	if err != nil {
		return senders, err
	}
	for name, u := range p.cfg.Notify.URLs {
		senders.Named[name], err = shoutrrr.New(shoutrrr.Options{URL: string(u), RunURL: p.cfg.Slack.RunURL, Logger: p.log})
		if err != nil {
			return senders, fmt.Errorf("NOTIFY_URLS: %s: want %w", name, err)
		}
	}
	if p.cfg.Notify.WebhookURL == "" {
		return senders, nil
	}
	var keys []string
	for _, key := range p.cfg.Notify.WebhookSecrets {
		keys = append(keys, string(key))
	}
	senders.Named[config.WebhookChannel], err = webhook.New(webhook.Options{
		URL: string(p.cfg.Notify.WebhookURL), Secrets: keys, RunURL: p.cfg.Slack.RunURL, Logger: p.log,
	})
	return senders, err
}

func revealed(secrets map[string]config.Secret) map[string]string {
	values := map[string]string{}
	for name, secret := range secrets {
		values[name] = string(secret)
	}
	return values
}

// checkNotifyURLs checks the URLs of NOTIFY_URLS. The error has their names and schemes.
func checkNotifyURLs(text string) error {
	urls, err := config.SplitNotifyURLs(text)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(urls)) {
		if err := shoutrrr.Check(string(urls[name])); err != nil {
			return fmt.Errorf("for %s %w", name, err)
		}
	}
	return nil
}
