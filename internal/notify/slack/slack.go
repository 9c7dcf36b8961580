package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/notify"
)

// Options configure a Sender.
type Options struct {
	URL    string            // incoming webhook, a secret; if empty, messages are logged instead
	URLs   map[string]string // incoming webhook by Slack channel, for channels that have their own
	RunURL string            // link to a run, with the placeholders {workflowId}, {runId} and {runNumber}; may be empty
	HTTP   *http.Client      // default: a client with a timeout of ten seconds
	Logger zerolog.Logger
	Now    func() time.Time // default time.Now
}

// Sender posts to incoming webhooks. It is safe for concurrent use.
type Sender struct {
	fallback  notify.WebhookURL
	byChannel map[string]notify.WebhookURL
	runURL    string
	poster    *notify.Poster
	logger    zerolog.Logger
	now       func() time.Time
}

// New returns a Sender. The error joins those of all URLs that cannot be webhooks.
func New(o Options) (*Sender, error) {
	s := &Sender{
		fallback: notify.WebhookURL(o.URL), byChannel: map[string]notify.WebhookURL{}, runURL: o.RunURL,
		poster: notify.NewPoster(o.HTTP, o.Now), logger: o.Logger, now: o.Now,
	}
	errs := []error{s.fallback.Check("Slack webhook")}
	for channel, u := range o.URLs {
		s.byChannel[channel] = notify.WebhookURL(u)
		errs = append(errs, s.byChannel[channel].Check("Slack webhook of "+channel))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// Send posts one message, or logs it if no webhook is configured.
func (s *Sender) Send(ctx context.Context, list []notify.Notification) error {
	channel := list[0].To
	m := render(list, s.runURL, s.now())
	to, ok := s.byChannel[channel]
	if !ok {
		to = s.fallback
	}
	if to == "" {
		s.logger.Info().Str("channel", channel).Str("event_id", list[0].EventID).Str("text", m.plain()).Msg("would send to " + channel)
		return nil
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode notification for %s: %w", channel, err)
	}
	plain, err := json.Marshal(m.asText())
	if err != nil {
		return fmt.Errorf("encode notification for %s: %w", channel, err)
	}
	return s.poster.Send(ctx, channel, to, notify.Body{Content: body}, notify.Body{Content: plain}, func(e *notify.Error) {
		s.logger.Warn().Int("status", e.Status).Str("response", e.Text).Msg("webhook rejected the message's blocks, sending plain text")
	})
}
