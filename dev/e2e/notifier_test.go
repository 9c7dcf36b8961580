package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/internal/simulator"
)

func TestNotifierRetriesUntilSlackAccepts(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	serve := w.start(t, "serve", "LOG_LEVEL=trace")
	notified := 0
	for _, answer := range []fakeslack.Answer{
		{Status: http.StatusTooManyRequests, RetryAfter: 1, Times: 1},
		{Status: http.StatusInternalServerError, Times: 1},
	} {
		attempts := w.stack.Slack.Attempts()
		w.stack.Slack.Answer(&answer)
		w.full(t)
		require.Eventually(t, func() bool { return len(w.stack.Slack.Messages()) > notified }, waitLimit, tick, "after %d", answer.Status)
		notified++
		require.Equal(t, attempts+2, w.stack.Slack.Attempts(), "one refused, one taken")
	}
	webhook, err := url.Parse(w.stack.Slack.URL())
	require.NoError(t, err)
	require.NotContains(t, serve.log.String(), webhook.Path, "the address is a secret")
	require.Len(t, w.stack.Slack.Messages(), notified, "each outcome is notified once")
}

func TestWithoutAWebhookTheMessageIsLogged(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	serve := w.start(t, "serve", "SLACK_WEBHOOK_URL=")
	w.full(t)
	require.Eventually(t, func() bool { return strings.Contains(serve.log.String(), "would send to #sync-alerts") }, waitLimit, tick)
	require.Zero(t, w.stack.Slack.Attempts())

	w.completed(t, w.request(t, `{"mode":"full","channel":"#finance"}`))
	require.Eventually(t, func() bool { return strings.Contains(serve.log.String(), "would send to #finance") }, waitLimit, tick)
	w.completed(t, w.request(t, `{"mode":"incremental"}`))
	require.Equal(t, 2, strings.Count(serve.log.String(), "would send to"), "a successful incremental is notified only on request")
}

// While the notifier is down, syncs continue. When it is back, one message reports what
// accumulated.
func TestNotifierSendsADigestAfterAnOutage(t *testing.T) {
	t.Parallel()
	const runs = 8
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 20}})
	w.start(t, "bridge")
	w.start(t, "worker")
	for range runs {
		w.completed(t, w.request(t, `{"mode":"full","entities":["customers"]}`))
	}
	require.Empty(t, w.stack.Slack.Messages())

	w.start(t, "notifier")
	_, err := w.stack.Slack.Await(t.Context(), func(m fakeslack.Message) bool {
		return strings.HasPrefix(m.Text, fmt.Sprintf("%d completed, from ", runs))
	})
	require.NoError(t, err)
	require.Len(t, w.stack.Slack.Messages(), 1)
}

// Messages that Slack does not accept are sent later, and delay no sync.
func TestSyncsDoNotWaitForSlack(t *testing.T) {
	t.Parallel()
	const runs = 4
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 20}})
	w.start(t, "serve")
	w.stack.Slack.Answer(&fakeslack.Answer{Status: http.StatusInternalServerError, Delay: 100 * time.Millisecond})
	for range runs {
		w.completed(t, w.request(t, `{"mode":"full","entities":["customers"]}`))
	}
	require.Empty(t, w.stack.Slack.Messages())
	w.stack.Slack.Answer(nil)
	require.Eventually(t, func() bool { return len(w.stack.Slack.Messages()) == runs }, waitLimit, tick)
}

// The first of several identical rejections is notified at once, the others with their count at
// the end of the window.
func TestIdenticalRejectionsAreNotifiedOncePerWindow(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve", "SLACK_CHANNEL=#ops", "SLACK_FOLD_WINDOW=5s")
	const times = 20
	for i := range times {
		w.publish(t, "sync.requested", fmt.Sprintf(`{"mode":"full","entities":["entity%d"]}`, i))
	}
	w.publish(t, "sync.requested", `{"mode":"ful"}`)
	notified := regexp.MustCompile(`(\d+|A) commands? on sync\.requested (?:was|were) rejected(?: since [^:]*:\d+ UTC)?: (\w+)`)
	codes := map[string]int{}
	require.Eventually(t, func() bool {
		clear(codes)
		for _, m := range w.stack.Slack.Messages() {
			for _, found := range notified.FindAllStringSubmatch(string(m.Text), -1) {
				n, err := strconv.Atoi(found[1])
				if err != nil {
					n = 1
				}
				codes[found[2]] += n
			}
		}
		return codes["unknownEntity"] == times && codes["invalidData"] == 1
	}, waitLimit, tick, "%v", codes)
	for _, m := range w.stack.Slack.Messages() {
		require.Equal(t, "#ops", m.Channel)
	}
	require.LessOrEqual(t, len(w.stack.Slack.Messages()), 6)
}
