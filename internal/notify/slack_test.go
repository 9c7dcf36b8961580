package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

const secretPath = "/services/T000/B000/sEcReTsEcReT"

// webhook is a stand-in for Slack that answers as the test says.
func webhook(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL + secretPath
}

func slack(t *testing.T, o SlackOptions) *Slack {
	t.Helper()
	s, err := NewSlack(o)
	require.NoError(t, err)
	return s
}

func sample() Notification {
	return Notification{
		To: "#sync-alerts", Outcome: Completed, Run: outcomeData(), EventID: "run-42/1/com.lazi.sync.completed.v1", At: ended,
	}
}

// news is one notification, to send.
func news() []Notification { return []Notification{sample()} }

// rendered is a message as it reads a minute after the run ended.
func rendered(list ...Notification) message {
	return renderer{runURL: "https://temporal.example.com/{workflowId}/{runId}?a=1&run={runNumber}", now: ended.Add(time.Minute)}.message(list)
}

func TestSendPosts(t *testing.T) {
	t.Parallel()
	var got message
	url := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == secretPath && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			_ = json.NewDecoder(r.Body).Decode(&got)
		}
		fmt.Fprint(w, "ok")
	})
	o := SlackOptions{URL: url, RunURL: "https://temporal.example.com/{workflowId}/{runId}?a=1&run={runNumber}", Now: func() time.Time { return ended }}
	require.NoError(t, slack(t, o).Send(t.Context(), news()))
	require.Equal(t, rendered(sample()), got)
	require.Equal(t, "#sync-alerts", got.Channel)
}

func TestSendJudgesEveryStatus(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	url := webhook(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(int(status.Load()))
		if status.Load() < 300 {
			fmt.Fprint(w, "ok")
			return
		}
		fmt.Fprint(w, "channel_not_found")
	})
	for code := 200; code <= 599; code++ {
		status.Store(int64(code))
		err := slack(t, SlackOptions{URL: url}).Send(t.Context(), news())
		if code < 300 {
			require.NoError(t, err, code)
			continue
		}
		var failure *Error
		require.ErrorAs(t, err, &failure, code)
		require.Equal(t, code, failure.Status)
		retryable := code == 408 || code == 429 || code >= 500
		require.Equal(t, !retryable, failure.Permanent, code)
		if code != 304 { // never has a body
			require.EqualError(t, err, fmt.Sprintf("notify #sync-alerts: got HTTP status %d (channel_not_found), want 200", code))
		}
	}
}

func TestSendKeepsQuietAsLongAsSlackAsks(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"": time.Second, "30": 30 * time.Second, "0": time.Second, "-5": time.Second, "soon": time.Second,
		"nan": time.Second, "1000000000": 10 * time.Minute, "99999999999999999999": time.Second,
		"Sun, 01 Mar 2026 12:00:20 GMT": 20 * time.Second, "Sun, 01 Mar 2020 12:00:20 GMT": time.Second,
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			var posts atomic.Int64
			url := webhook(t, func(w http.ResponseWriter, _ *http.Request) {
				posts.Add(1)
				w.Header().Set("Retry-After", header)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			now := ended
			s := slack(t, SlackOptions{URL: url, Now: func() time.Time { return now }})
			for range 3 {
				var failure *Error
				require.ErrorAs(t, s.Send(t.Context(), news()), &failure)
				require.False(t, failure.Permanent)
				require.Equal(t, want, failure.RetryAfter())
			}
			require.EqualValues(t, 1, posts.Load(), "Slack is left alone until the time has passed")
			now = now.Add(want)
			require.Error(t, s.Send(t.Context(), news()))
			require.EqualValues(t, 2, posts.Load())
		})
	}
}

func TestSendChoosesTheWebhookOfTheChannel(t *testing.T) {
	t.Parallel()
	var own, fallback atomic.Int64
	s := slack(t, SlackOptions{
		URL:  webhook(t, func(http.ResponseWriter, *http.Request) { fallback.Add(1) }),
		URLs: map[string]string{"#ops": webhook(t, func(http.ResponseWriter, *http.Request) { own.Add(1) })},
	})
	for _, to := range []string{"#ops", "#sync-alerts", "#ops"} {
		n := sample()
		n.To = to
		require.NoError(t, s.Send(t.Context(), []Notification{n}))
	}
	require.EqualValues(t, 2, own.Load())
	require.EqualValues(t, 1, fallback.Load())
}

func TestSendWithoutWebhookLogs(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := SlackOptions{Logger: zerolog.New(&log), Now: func() time.Time { return ended }}
	require.NoError(t, slack(t, o).Send(t.Context(), news()))
	var line map[string]string
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	require.Equal(t, "would send to #sync-alerts", line["message"])
	require.Equal(t, renderer{now: ended}.message(news()).plain(), line["text"])
}

// One that does not answer is asked again later and later, whatever there is to send;
// everything that waits for it may come back at the same moment.
func TestSendLeavesAWebhookAloneThatFails(t *testing.T) {
	t.Parallel()
	var posts atomic.Int64
	status := http.StatusServiceUnavailable
	url := webhook(t, func(w http.ResponseWriter, _ *http.Request) { posts.Add(1); w.WriteHeader(status) })
	now := ended
	s := slack(t, SlackOptions{URL: url, Now: func() time.Time { return now }})
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		for range 3 {
			var failure *Error
			require.ErrorAs(t, s.Send(t.Context(), news()), &failure)
			require.Equal(t, want*time.Second, failure.RetryAfter())
		}
		require.EqualValues(t, i+1, posts.Load())
		now = now.Add(want * time.Second)
	}
	status = http.StatusOK
	require.NoError(t, s.Send(t.Context(), news()))
	status = http.StatusServiceUnavailable
	var failure *Error
	require.ErrorAs(t, s.Send(t.Context(), news()), &failure)
	require.Equal(t, time.Second, failure.RetryAfter(), "it begins anew")
}

// No way of failing may show the webhook's URL: it is a password.
func TestSecretNeverShows(t *testing.T) {
	t.Parallel()
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, "http://%s%s is wrong", r.Host, r.URL.Path)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }
	cut := func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = connection.Close()
		}
	}
	closed := httptest.NewServer(nil)
	closed.Close()

	for name, url := range map[string]string{
		"echoed with 400": webhook(t, echo(400)), "echoed with 404": webhook(t, echo(404)),
		"echoed with 429": webhook(t, echo(429)), "echoed with 500": webhook(t, echo(500)),
		"echoed with 302": webhook(t, echo(302)),
		"no answer":       webhook(t, hang), "cut": webhook(t, cut),
		"refused":         closed.URL + secretPath,
		"no such host":    "https://slack.invalid" + secretPath,
		"TLS to no TLS":   strings.Replace(webhook(t, echo(200)), "http:", "https:", 1),
		"not configured":  "",
		"only in its map": "map",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			logger := zerolog.New(&log).Level(zerolog.TraceLevel)
			o := SlackOptions{URL: url, HTTP: &http.Client{Timeout: 200 * time.Millisecond}, Logger: logger}
			if url == "map" {
				o.URL, o.URLs = "", map[string]string{"#sync-alerts": closed.URL + secretPath}
			}
			s := slack(t, o)
			d := deliver(t, events.Failed, outcomeData())
			require.NoError(t, New(Options{Sender: s, Logger: logger}).Handle(t.Context(), one(d)))
			logger.Info().Interface("slack", s.fallback).Msg(fmt.Sprintf("%v %+v %#v %s", s.fallback, s.byName, s.byName, s.fallback))
			for _, seen := range []string{log.String(), strings.Join(d.settled, " "), fmt.Sprint(s.Send(t.Context(), news()))} {
				require.NotContains(t, seen, "sEcReT")
				require.NotContains(t, seen, "T000")
			}
		})
	}
}

func TestSendStopsWithItsContext(t *testing.T) {
	t.Parallel()
	url := webhook(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var failure *Error
	require.ErrorAs(t, slack(t, SlackOptions{URL: url}).Send(ctx, news()), &failure)
	require.False(t, failure.Permanent)
}

func TestNewSlackRefusesWhatCannotBeAWebhook(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"hooks.slack.com/services/sEcReT", "http://hooks.slack.com/services/sEcReT", "ftp://hooks.slack.com/sEcReT",
		"https:///sEcReT", "https://hooks.slack.com:port/sEcReT", "sEcReT", "https://hooks.slack.com/%zzsEcReT",
	} {
		_, err := NewSlack(SlackOptions{URL: url, URLs: map[string]string{"#ops": url}})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "sEcReT")
		require.ErrorContains(t, err, "SLACK_WEBHOOK_URL: got ***")
		require.ErrorContains(t, err, "SLACK_WEBHOOK_URLS for #ops: got ***", "every problem at once")
	}
	for _, url := range []string{"", "https://hooks.slack.com" + secretPath, "http://127.0.0.1:9" + secretPath, "http://localhost" + secretPath} {
		_, err := NewSlack(SlackOptions{URL: url})
		require.NoError(t, err)
	}
}

// The text of an error is stripped of its URL before anything is redacted.
func TestReasonLeavesOutTheURL(t *testing.T) {
	t.Parallel()
	wrapped := &url.Error{Op: "Post", URL: "https://hooks.slack.com" + secretPath, Err: io.ErrUnexpectedEOF}
	require.Equal(t, "unexpected EOF", reason(fmt.Errorf("send: %w", wrapped)))
	require.Equal(t, "no answer in time", reason(&url.Error{URL: secretPath, Err: context.DeadlineExceeded}))
}
