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
