package app

import (
	"context"

	"github.com/lazi/lazisync/internal/metrics"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/slack"
	"github.com/lazi/lazisync/internal/stream"
)

// notifierBatch is how many events are notified together after an outage of Slack.
const notifierBatch = 100

// notifier posts outcomes and rejected commands to Slack.
func (p *process) notifier() (part, error) {
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
	n := notify.New(notify.Options{
		Sender: sender, Alerts: p.cfg.Slack.Channel, Window: p.cfg.Slack.FoldWindow, Logger: p.log,
		OnResult: metrics.NewNotifications(p.metrics, "slack"),
	})
	return p.consume(stream.ConsumerNotifier, stream.BatchOptions{Max: notifierBatch}, func(ctx context.Context, batch []*stream.Message) error {
		return n.Handle(ctx, convert(batch, func(m *stream.Message) notify.Delivery { return m }))
	}), nil
}
