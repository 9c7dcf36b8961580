// Package notifytest is the conformance kit of senders: every package below internal/notify
// calls Exercise in a test. It checks how a sender classifies each HTTP status, honours
// Retry-After, backs off, detects an error in the body of a 200 response, falls back to plain
// text, refuses redirects and keeps its webhook URL secret.
//
// Only tests import it. It imports notify and events.
package notifytest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/notify"
)

// Config is what a test configures a sender with.
type Config struct {
	URL    string           // of the webhook
	HTTP   *http.Client     // nil for the default of the sender
	Now    func() time.Time // nil for time.Now
	Logger zerolog.Logger
}

// SecretPath is the path of webhook URLs in tests.
const SecretPath = "/services/T000/B000/sEcReTsEcReT"

// Webhook starts a server for the time of a test and returns its webhook URL.
func Webhook(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL + SecretPath
}

// Exercise runs the conformance tests of a sender.
func Exercise(t *testing.T, newSender func(t *testing.T, c Config) notify.Sender) {
	t.Helper()
	k := kit{newSender}
	for name, test := range map[string]func(*testing.T){
		"every HTTP status":                    k.everyStatus,
		"Retry-After":                          k.retryAfter,
		"backoff while the webhook fails":      k.backoff,
		"a slow receiver":                      k.slowReceiver,
		"an error in the body with status 200": k.bodyError,
		"a redirect is not followed":           k.redirect,
		"plain text if the form is rejected":   k.plainText,
		"the webhook URL appears nowhere":      k.secret,
		"a canceled context ends the sending":  k.canceledContext,
		"a digest of many notifications":       k.digest,
		"notifications with very long strings": k.longStrings,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

type kit struct {
	newSender func(t *testing.T, c Config) notify.Sender
}

func one() []notify.Notification { return []notify.Notification{Completed()} }

// requireError sends a notification and returns the error of the sender.
func requireError(t *testing.T, s notify.Sender, about ...any) *notify.Error {
	t.Helper()
	var failure *notify.Error
	require.ErrorAs(t, s.Send(t.Context(), one()), &failure, about...)
	return failure
}

func (k kit) everyStatus(t *testing.T) {
	var status atomic.Int64
	url := Webhook(t, func(w http.ResponseWriter, _ *http.Request) {
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
		s := k.newSender(t, Config{URL: url})
		if code < 300 {
			require.NoError(t, s.Send(t.Context(), one()), code)
			continue
		}
		failure := requireError(t, s, code)
		require.Equal(t, code, failure.Status)
		isRetryable := code == 408 || code == 429 || code >= 500
		require.Equal(t, !isRetryable, failure.Permanent, code)
		if code != http.StatusNotModified { // has no body
			require.EqualError(t, failure, fmt.Sprintf("notify %s: got HTTP status %d (channel_not_found), want 200", Channel, code))
		}
	}
}

func (k kit) retryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": time.Second, "30": 30 * time.Second, "0": time.Second, "-5": time.Second, "soon": time.Second,
		"nan": time.Second, "1000000000": 10 * time.Minute, "99999999999999999999": time.Second,
		"Sun, 01 Mar 2026 12:00:20 GMT": 20 * time.Second, "Sun, 01 Mar 2020 12:00:20 GMT": time.Second,
	} {
		var posts atomic.Int64
		url := Webhook(t, func(w http.ResponseWriter, _ *http.Request) {
			posts.Add(1)
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		now := Ended
		s := k.newSender(t, Config{URL: url, Now: func() time.Time { return now }})
		for range 3 {
			failure := requireError(t, s, header)
			require.False(t, failure.Permanent, header)
			require.Equal(t, want, failure.RetryAfter(), header)
		}
		require.EqualValues(t, 1, posts.Load(), "nothing is posted before the time has passed")
		now = now.Add(want)
		_ = requireError(t, s, header)
		require.EqualValues(t, 2, posts.Load(), header)
	}
}

func (k kit) backoff(t *testing.T) {
	var posts atomic.Int64
	status := http.StatusServiceUnavailable
	url := Webhook(t, func(w http.ResponseWriter, _ *http.Request) { posts.Add(1); w.WriteHeader(status) })
	now := Ended
	s := k.newSender(t, Config{URL: url, Now: func() time.Time { return now }})
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		for range 3 {
			require.Equal(t, want*time.Second, requireError(t, s).RetryAfter(), "all notifications are retried at the same time")
		}
		require.EqualValues(t, i+1, posts.Load())
		now = now.Add(want * time.Second)
	}
	status = http.StatusOK
	require.NoError(t, s.Send(t.Context(), one()))
	status = http.StatusServiceUnavailable
	require.Equal(t, time.Second, requireError(t, s).RetryAfter(), "a success resets the backoff")
}

func (k kit) plainText(t *testing.T) {
	for _, status := range []int{400, 413, 415, 422} {
		var bodies []string
		second := http.StatusOK
		url := Webhook(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			if len(bodies) == 1 {
				w.WriteHeader(status)
				return
			}
			w.WriteHeader(second)
		})
		require.NoError(t, k.newSender(t, Config{URL: url}).Send(t.Context(), one()), status)
		require.Len(t, bodies, 2, status)
		require.LessOrEqual(t, len(bodies[1]), len(bodies[0]))
		for _, detail := range []string{"Full sync completed", "100,000 read"} {
			require.Contains(t, bodies[1], detail, "plain text has the details too")
		}

		bodies, second = nil, status
		require.True(t, requireError(t, k.newSender(t, Config{URL: url})).Permanent, "rejected plain text is not retried")
		require.Len(t, bodies, 2)
	}
}

func (k kit) digest(t *testing.T) {
	var posts atomic.Int64
	url := Webhook(t, func(http.ResponseWriter, *http.Request) { posts.Add(1) })
	list := []notify.Notification{Completed(), Rejected(), Completed()}
	require.NoError(t, k.newSender(t, Config{URL: url}).Send(t.Context(), list))
	require.EqualValues(t, 1, posts.Load())
}

func (k kit) longStrings(t *testing.T) {
	const limit = 40_000 // bytes, which every channel accepts in some form
	var size int
	url := Webhook(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		size = len(body)
	})
	long := strings.Repeat("<&>é\n", 4000)
	n, command := Completed(), Rejected()
	n.Outcome, n.Run.Reason, n.Run.TenantID = notify.Failed, long, long
	n.Run.Error = &events.RunError{Type: events.APIError, Entity: long, Message: long}
	command.Command.Reason = long
	for _, list := range [][]notify.Notification{{n}, {command}, {n, command, n}} {
		require.NoError(t, k.newSender(t, Config{URL: url}).Send(t.Context(), list))
		require.Less(t, size, limit)
	}
}
