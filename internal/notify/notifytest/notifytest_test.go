package notifytest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/notifytest"
)

// dummy is the smallest sender: it shows what a new channel has to write itself.
type dummy struct {
	url    notify.WebhookURL
	poster *notify.Poster
}

func (d *dummy) Send(ctx context.Context, list []notify.Notification) error {
	var lines []string
	for _, n := range list {
		line := fmt.Sprintf("Full sync %s", n.Outcome)
		for _, r := range n.Run.Results {
			line += fmt.Sprintf("; %s %d,000 read", r.Entity, r.Fetched/1000)
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "\n")
	body, err := json.Marshal(map[string]string{"markdown": text, "format": "rich"})
	if err != nil {
		return fmt.Errorf("encode notification: %w", err)
	}
	plain, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return fmt.Errorf("encode notification: %w", err)
	}
	return d.poster.Send(ctx, list[0].To, d.url, notify.Body{Content: body}, notify.Body{Content: plain}, func(*notify.Error) {})
}

func TestADummySenderPasses(t *testing.T) {
	t.Parallel()
	notifytest.Exercise(t, func(_ *testing.T, c notifytest.Config) notify.Sender {
		return &dummy{url: notify.WebhookURL(c.URL), poster: notify.NewPoster(c.HTTP, c.Now)}
	})
}
