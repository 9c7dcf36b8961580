package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/fakeslack"
)

func TestSlackIsAskedAgainUntilItTakesTheMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	serve := w.start(t, "serve", "LOG_LEVEL=trace")
	told := 0
	for _, trouble := range []fakeslack.Answer{
		{Status: http.StatusTooManyRequests, RetryAfter: 1, Times: 1},
		{Status: http.StatusInternalServerError, Times: 1},
	} {
		attempts := w.stack.Slack.Attempts()
		w.stack.Slack.Answer(&trouble)
		w.full(t)
		require.Eventually(t, func() bool { return len(w.stack.Slack.Messages()) > told }, patience, tick, "after %d", trouble.Status)
		told++
		require.Equal(t, attempts+2, w.stack.Slack.Attempts(), "one refused, one taken")
	}
	webhook, err := url.Parse(w.stack.Slack.URL())
	require.NoError(t, err)
	require.NotContains(t, serve.log.String(), webhook.Path, "the address is a secret")
	require.Len(t, w.stack.Slack.Messages(), told, "each outcome is told once")
}

func TestWithoutASlackAddressTheMessageIsLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	serve := w.start(t, "serve", "SLACK_WEBHOOK_URL=")
	w.full(t)
	require.Eventually(t, func() bool { return strings.Contains(serve.log.String(), "would send to #sync-alerts") }, patience, tick)
	require.Zero(t, w.stack.Slack.Attempts())

	w.completed(t, w.request(t, `{"mode":"full","channel":"#finance"}`))
	require.Eventually(t, func() bool { return strings.Contains(serve.log.String(), "would send to #finance") }, patience, tick)
	w.completed(t, w.request(t, `{"mode":"incremental"}`))
	require.Equal(t, 2, strings.Count(serve.log.String(), "would send to"), "an incremental that went well is told only where asked for")
}
