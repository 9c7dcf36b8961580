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
	URL    string            // incoming webhook, a secret
	URLs   map[string]string // incoming webhook by Slack channel, for channels that have their own
	Token  string            // of a bot that sends to all channels without a webhook; without Token and URL messages are logged
	APIURL string            // of Slack's web API, for the bot; default DefaultAPIURL
	State  notify.State      // where the bot keeps which message belongs to which incident; default: a LocalState
	RunURL string            // link to a run, with the placeholders {workflowId}, {runId} and {runNumber}; may be empty
	HTTP   *http.Client      // default: a client with a timeout of ten seconds
	Logger zerolog.Logger
	Now    func() time.Time // default time.Now
}

// Sender posts to incoming webhooks, or as a bot. It is safe for concurrent use.
type Sender struct {
	fallback  notify.WebhookURL
	byChannel map[string]notify.WebhookURL
	bot       *bot // nil without a token
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
	if s.now == nil {
		s.now = time.Now
	}
	if o.Token != "" {
		var err error
		s.bot, err = newBot(o, s)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// Send posts one message, or logs it if no webhook is configured.
func (s *Sender) Send(ctx context.Context, list []notify.Notification) error {
	channel := list[0].To
	to, ok := s.byChannel[channel]
	if !ok {
		to = s.fallback
	}
	if s.Edits(channel) {
		return s.bot.send(ctx, list)
	}
	m := render(list, s.runURL, s.now())
	if to == "" {
		s.logger.Info().Str("channel", channel).Str("event_id", list[0].EventID).Str("text", m.plain()).Msg("would send to " + channel)
		return nil
	}
	return s.post(ctx, channel, to, m, notify.Body{})
}

// Edits reports whether the bot sends to a channel: it edits the message of an incident.
func (s *Sender) Edits(channel string) bool {
	_, hasWebhook := s.byChannel[channel]
	return s.bot != nil && !hasWebhook
}

// post posts a message on behalf of a channel, with the header and the check of a body.
func (s *Sender) post(ctx context.Context, channel string, to notify.WebhookURL, m payload, as notify.Body) error {
	body, plain := as, as
	var err error
	if body.Content, err = json.Marshal(m); err == nil {
		plain.Content, err = json.Marshal(m.asText())
	}
	if err != nil {
		return fmt.Errorf("encode notification for %s: %w", channel, err)
	}
	return s.poster.Send(ctx, channel, to, body, plain, func(e *notify.Error) {
		s.logger.Warn().Int("status", e.Status).Str("response", e.Text).Msg("Slack rejected the message's blocks, sending plain text")
	})
}
