package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/notifytest"
)

const runURL = "https://temporal.example.com/{workflowId}/{runId}?a=1&run={runNumber}"

func TestConformance(t *testing.T) {
	t.Parallel()
	notifytest.Exercise(t, func(t *testing.T, c notifytest.Config) notify.Sender {
		return newSender(t, Options{URL: c.URL, HTTP: c.HTTP, Now: c.Now, Logger: c.Logger})
	})
}

func TestConformanceOfTheBot(t *testing.T) {
	t.Parallel()
	notifytest.Kit{
		Accept: `{"ok":true,"channel":"C024BE91L","ts":"1503435956.000247"}`,
		Rejects: map[string]bool{
			`{"ok":false,"error":"channel_not_found"}`: true, `{"ok":false,"error":"token_revoked"}`: true, `{"ok":false}`: true,
			`{"ok":false,"error":"ratelimited"}`: false, `{"ok":false,"error":"internal_error"}`: false, `{"ok":false,"error":"request_timeout"}`: false,
			"ok": true, "": true, "<html>sign in</html>": true, "[]": true,
		},
		FormError: `{"ok":false,"error":"invalid_blocks"}`,
		NewSender: func(t *testing.T, c notifytest.Config) notify.Sender {
			t.Helper()
			return newSender(t, Options{Token: c.Secret, APIURL: c.URL, HTTP: c.HTTP, Now: c.Now, Logger: c.Logger})
		},
	}.Exercise(t)
}

func newSender(t *testing.T, o Options) *Sender {
	t.Helper()
	s, err := New(o)
	require.NoError(t, err)
	return s
}

func one() []notify.Notification { return []notify.Notification{notifytest.Completed()} }

// rendered is a message as it is one minute after the run ended.
func rendered(list ...notify.Notification) payload {
	return render(list, runURL, notifytest.Ended.Add(time.Minute))
}

func TestSendPosts(t *testing.T) {
	t.Parallel()
	var got payload
	url := notifytest.Webhook(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == notifytest.SecretPath && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			_ = json.NewDecoder(r.Body).Decode(&got)
		}
		fmt.Fprint(w, "ok")
	})
	o := Options{URL: url, RunURL: runURL, Now: func() time.Time { return notifytest.Ended }}
	require.NoError(t, newSender(t, o).Send(t.Context(), one()))
	require.Equal(t, rendered(notifytest.Completed()), got)
	require.Equal(t, "#sync-alerts", got.Channel)
}

func TestSendChoosesTheWebhookOfTheChannel(t *testing.T) {
	t.Parallel()
	var own, fallback atomic.Int64
	s := newSender(t, Options{
		URL:  notifytest.Webhook(t, func(http.ResponseWriter, *http.Request) { fallback.Add(1) }),
		URLs: map[string]string{"#ops": notifytest.Webhook(t, func(http.ResponseWriter, *http.Request) { own.Add(1) })},
	})
	for _, to := range []string{"#ops", "#sync-alerts", "#ops"} {
		n := notifytest.Completed()
		n.To = to
		require.NoError(t, s.Send(t.Context(), []notify.Notification{n}))
	}
	require.EqualValues(t, 2, own.Load())
	require.EqualValues(t, 1, fallback.Load())
}

func TestSendWithoutWebhookLogs(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := Options{Logger: zerolog.New(&log), Now: func() time.Time { return notifytest.Ended }}
	require.NoError(t, newSender(t, o).Send(t.Context(), one()))
	var line map[string]string
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	require.Equal(t, "would send to #sync-alerts", line["message"])
	require.Equal(t, "#sync-alerts", line["channel"])
	require.Equal(t, render(one(), "", notifytest.Ended).plain(), line["text"])
}

func TestNewRejectsWhatCannotBeAWebhook(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"hooks.slack.com/services/sEcReT", "http://hooks.slack.com/services/sEcReT", "ftp://hooks.slack.com/sEcReT",
		"https:///sEcReT", "https://hooks.slack.com:port/sEcReT", "sEcReT", "https://hooks.slack.com/%zzsEcReT",
	} {
		_, err := New(Options{URL: url, URLs: map[string]string{"#ops": url}})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "sEcReT")
		require.ErrorContains(t, err, "Slack webhook: got ***")
		require.ErrorContains(t, err, "Slack webhook of #ops: got ***", "every problem at once")
	}
}
