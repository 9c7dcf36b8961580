package app

import (
	"context"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/slack"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/telemetry"
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
	results := telemetry.NewCounterVec(p.metrics, "lazisync_notifier_notifications_total", "Notifications, by result.", "result")
	for _, result := range notify.Results {
		results.WithLabelValues(result)
	}
	n := notify.New(notify.Options{
		Sender: sender, Alerts: p.cfg.Slack.Channel, Window: p.cfg.Slack.FoldWindow, Logger: p.log,
		OnResult: func(result string) { results.WithLabelValues(result).Inc() },
	})
	return p.consume(stream.ConsumerNotifier, stream.BatchOptions{Max: notifierBatch}, func(ctx context.Context, batch []*stream.Message) error {
		return n.Handle(ctx, convert(batch, func(m *stream.Message) notify.Delivery { return m }))
	}), nil
}
