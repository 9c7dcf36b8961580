package notify

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// refusals are the words with which a webhook that works refuses a message without
// text. Source: docs.slack.dev, "Sending messages using incoming webhooks", errors.
var refusals = []string{"no_text", "invalid_payload", "missing_text_or_fallback_or_attachments"}

// CheckWebhook says why messages to a webhook would not arrive, or nil. It sends a
// message without text, which Slack refuses: nobody sees it.
func CheckWebhook(ctx context.Context, client *http.Client, webhook string) error {
	if err := checkURL("the webhook", webhook); err != nil {
		return err
	}
	s, err := NewSlack(SlackOptions{URL: webhook, HTTP: client})
	if err != nil {
		return err
	}
	refused := s.post(ctx, s.fallback, []byte("{}"))
	switch {
	case refused == nil:
		return errors.New("it took a message without text, which no Slack webhook does")
	case refused.refusesForm() && slices.ContainsFunc(refusals, func(word string) bool { return strings.Contains(refused.Text, word) }):
		return nil
	}
	refused.To, refused.Text = "the webhook", s.fallback.redact(refused.Text)
	return refused
}
