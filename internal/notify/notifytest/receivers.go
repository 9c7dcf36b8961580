package notifytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/notify"
)

// hang responds never.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// A receiver that does not respond in time may have the message or not: it is retried.
func (k Kit) slowReceiver(t *testing.T) {
	client := &http.Client{Timeout: 200 * time.Millisecond}
	failure := requireError(t, k.newSender(t, Config{URL: Webhook(t, hang), HTTP: client}))
	require.EqualError(t, failure, "notify "+Channel+": no response within the timeout")
	require.False(t, failure.Permanent)
	require.Positive(t, failure.RetryAfter(), "the webhook is not used for a while")

	slowBody := Webhook(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	failure = requireError(t, k.newSender(t, Config{URL: slowBody, HTTP: &http.Client{Transport: bodyTimeout{}}}))
	require.Equal(t, http.StatusBadGateway, failure.Status, "the status is known, the body is not awaited forever")
	require.False(t, failure.Permanent)
}

// bodyTimeout returns responses whose body does not arrive in time.
type bodyTimeout struct{}

func (bodyTimeout) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{iotest.ErrReader(os.ErrDeadlineExceeded), response.Body}
	}
	return response, err
}

// A response that does not end is read only in part.
func (k Kit) endlessResponse(t *testing.T) {
	url := Webhook(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
				return
			}
		}
	})
	failure := requireError(t, k.newSender(t, Config{URL: url}))
	require.Equal(t, http.StatusBadGateway, failure.Status)
	require.Less(t, len(failure.Error()), 1000)
}

// A receiver that responds with an error and a status of success did not take the message.
func (k Kit) bodyError(t *testing.T) {
	rejects := map[string]bool{
		"channel_not_found": true, `{"ok":false,"error":"not_in_channel"}`: true, "error: no such hook": true, `{"success":false}`: true,
		`{"ok":false,"error":"ratelimited"}`: false, "internal_error": false, `{"ok":false,"error":"service_unavailable"}`: false,
	}
	accepts := []string{
		"ok", "", "1", `{"ok":true}`, `{"success":true}`, `{"ok":true,"error":null}`, "<html>thanks</html>", "posted", `{"id":"17","error":false}`,
	}
	if k.Accept != "" {
		rejects, accepts = k.Rejects, []string{k.Accept}
	}
	for body, permanent := range rejects {
		for _, status := range []int{200, 202} {
			url := Webhook(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			})
			failure := requireError(t, k.newSender(t, Config{URL: url}), body)
			require.Equal(t, status, failure.Status, body)
			require.Equal(t, permanent, failure.Permanent, body)
		}
	}
	for _, body := range accepts {
		url := Webhook(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		require.NoError(t, k.newSender(t, Config{URL: url}).Send(t.Context(), one()), body)
	}
}

// A redirect may lead to a host that must not receive the message.
func (k Kit) redirect(t *testing.T) {
	var posts atomic.Int64
	elsewhere := Webhook(t, func(http.ResponseWriter, *http.Request) { posts.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		url := Webhook(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, status) })
		failure := requireError(t, k.newSender(t, Config{URL: url, HTTP: &http.Client{Timeout: 10 * time.Second}}), status)
		require.Equal(t, status, failure.Status)
		require.True(t, failure.Permanent, status)
	}
	require.Zero(t, posts.Load())
}

// No failure may reveal the webhook URL, which is a password, or another secret.
func (k Kit) secret(t *testing.T) {
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, "http://%s%s is wrong, as is %s", r.Host, r.URL, r.Header.Get("Authorization"))
		}
	}
	echoInError := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"ok":false,"error":"no such hook http://%s%s for %s"}`, r.Host, r.URL, r.Header.Get("Authorization"))
	}
	echoToken := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "unknown token %s", r.URL.Query().Get("token"))
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = connection.Close()
		}
	}

	for name, url := range map[string]string{
		"echoed with 400": Webhook(t, echo(400)), "echoed with 404": Webhook(t, echo(404)),
		"echoed with 429": Webhook(t, echo(429)), "echoed with 500": Webhook(t, echo(500)),
		"echoed with 302": Webhook(t, echo(302)), "echoed with 200": Webhook(t, echoInError),
		"query echoed": Webhook(t, echo(404)) + "?token=sEcReT-qUeRy", "token echoed": Webhook(t, echoToken) + "?token=sEcReT-qUeRy",
		"no response": Webhook(t, hang), "connection cut": Webhook(t, cut),
		"connection refused": "http://127.0.0.1:1" + SecretPath,
		"no such host":       "https://slack.invalid" + SecretPath,
		"TLS to no TLS":      strings.Replace(Webhook(t, echo(200)), "http:", "https:", 1),
	} {
		var log bytes.Buffer
		logger := zerolog.New(&log).Level(zerolog.TraceLevel)
		s := k.newSender(t, Config{URL: url, HTTP: &http.Client{Timeout: 200 * time.Millisecond}, Logger: logger})
		d := &Delivery{Message: Message(t, events.Completed, Run())}
		require.NoError(t, notify.New(notify.Options{Sender: s, Logger: logger}).Handle(t.Context(), []notify.Delivery{d}))
		for _, text := range []string{log.String(), strings.Join(d.Settled, " "), fmt.Sprint(s.Send(t.Context(), one()))} {
			require.NotContains(t, text, "sEcReT", name)
			require.NotContains(t, text, "T000", name)
		}
	}
}

func (k Kit) canceledContext(t *testing.T) {
	url := Webhook(t, hang)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var failure *notify.Error
	require.ErrorAs(t, k.newSender(t, Config{URL: url}).Send(ctx, one()), &failure)
	require.False(t, failure.Permanent)
}
