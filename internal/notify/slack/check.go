package slack

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/notify"
)

// textErrors are the errors with which a working webhook rejects a message without text.
// Source: docs.slack.dev, "Sending messages using incoming webhooks", errors.
var textErrors = []string{"no_text", "invalid_payload", "missing_text_or_fallback_or_attachments"}

// CheckWebhook returns an error if messages to a webhook would not arrive. It posts a
// message without text, which Slack rejects, so that no message appears in the channel.
func CheckWebhook(ctx context.Context, client *http.Client, webhook string) error {
	to := notify.WebhookURL(webhook)
	if err := to.Check("the webhook"); err != nil {
		return err
	}
	failure := notify.NewPoster(client, nil).Post(ctx, to, notify.Body{Content: []byte("{}")})
	switch {
	case failure == nil:
		return errors.New("the webhook accepted a message without text, which no Slack webhook does")
	case failure.RejectsForm() && slices.ContainsFunc(textErrors, func(word string) bool { return strings.Contains(failure.Text, word) }):
		return nil
	}
	failure.To, failure.Text = "the webhook", to.Redact(failure.Text)
	return failure
}

// CheckBot returns the workspace and the user of a bot token, and an error if messages would not
// be sent. It sends none.
func CheckBot(ctx context.Context, client *http.Client, apiURL, token string) (workspace, user string, err error) {
	s := &Sender{poster: notify.NewPoster(client, nil)}
	b, err := newBot(Options{Token: token, APIURL: apiURL}, s)
	if err != nil {
		return "", "", err
	}
	var got answer
	to := notify.WebhookURL(b.apiURL + "/auth.test")
	body := b.body(&got)
	if failure := s.poster.Post(ctx, to, body); failure != nil {
		failure.To, failure.Text = "the bot", body.Redact(to, failure.Text)
		return "", "", failure
	}
	return got.Team, got.User, nil
}
