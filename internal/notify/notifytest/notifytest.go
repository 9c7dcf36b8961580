// Package notifytest is the conformance kit of senders: every package below internal/notify
// calls Exercise in a test. It checks how a sender classifies each HTTP status, honours
// Retry-After, backs off, detects an error in the body of a 200 response, falls back to plain
// text, refuses redirects and keeps its webhook URL secret.
//
// Only tests import it. It imports notify and events.
package notifytest

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// Config is what a test configures a sender with.
type Config struct {
	URL    string           // of the webhook
	Secret string           // a password that is not part of the URL
	HTTP   *http.Client     // nil for the default of the sender
	Now    func() time.Time // nil for time.Now
	Logger zerolog.Logger
}

// Secret is Config.Secret in the tests of a Kit.
const Secret = "xoxb-sEcReT-tOkEn"

// SecretPath is the path of webhook URLs in tests.
const SecretPath = "/services/T000/B000/sEcReTsEcReT"

// Webhook starts a server for the time of a test and returns its webhook URL.
func Webhook(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	return testserver.Start(t, handler) + SecretPath
}

// Exercise runs the conformance tests of a sender whose receiver responds as webhooks do.
func Exercise(t *testing.T, newSender func(t *testing.T, c Config) notify.Sender) {
	t.Helper()
	Kit{NewSender: newSender}.Exercise(t)
}

// Kit has the conformance tests of a sender. The receiver responds as webhooks do, except for
// what the fields say.
type Kit struct {
	NewSender func(t *testing.T, c Config) notify.Sender
	// Accept is the only body with which the receiver accepts a message. If it is empty, every
	// body does that is no error of Slack's webhooks.
	Accept string
	// Rejects has bodies, beside Accept, of responses with a status of success that do not accept
	// the message, and whether that is permanent.
	Rejects map[string]bool
	// FormError is the body, with status 200, with which the receiver rejects the form of a
	// message; "" if only the status says so.
	FormError string
	// Headline is the form in which a message is sent again: its headline alone, else the whole
	// text.
	Headline bool
	// Skip has the names of tests that the protocol does not allow, with the reason.
	Skip map[string]string
}

// Exercise runs the conformance tests.
func (k Kit) Exercise(t *testing.T) {
	t.Helper()
	skipped := maps.Clone(k.Skip)
	for name, test := range map[string]func(*testing.T){
		"every HTTP status":                    k.everyStatus,
		"Retry-After":                          k.retryAfter,
		"backoff while the webhook fails":      k.backoff,
		"a slow receiver":                      k.slowReceiver,
		"a response without end":               k.endlessResponse,
		"an error in the body with status 200": k.bodyError,
		"a redirect is not followed":           k.redirect,
		"plain text if the form is rejected":   k.plainText,
		"the secrets appear nowhere":           k.secret,
		"a canceled context ends the sending":  k.canceledContext,
		"a digest of many notifications":       k.digest,
		"notifications with very long strings": k.longStrings,
	} {
		if k.Skip[name] != "" {
			delete(skipped, name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
	require.Empty(t, skipped, "no such tests")
}

// accept responds as a receiver that accepts a message.
func (k Kit) accept(w http.ResponseWriter) { _, _ = io.WriteString(w, cmp.Or(k.Accept, "ok")) }

func (k Kit) newSender(t *testing.T, c Config) notify.Sender {
	t.Helper()
	c.Secret = Secret
	return k.NewSender(t, c)
}

func one() []notify.Notification { return []notify.Notification{Completed()} }

// requireError sends a notification and returns the error of the sender.
func requireError(t *testing.T, s notify.Sender, about ...any) *notify.Error {
	t.Helper()
	var failure *notify.Error
	require.ErrorAs(t, s.Send(t.Context(), one()), &failure, about...)
	return failure
}

func (k Kit) everyStatus(t *testing.T) {
	var status atomic.Int64
	url := Webhook(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(int(status.Load()))
		if status.Load() < 300 {
			k.accept(w)
			return
		}
		fmt.Fprint(w, "channel_not_found")
	})
	for code := 200; code <= 599; code++ {
		status.Store(int64(code))
		s := k.newSender(t, Config{URL: url})
		if code == http.StatusNoContent && k.Accept != "" {
			require.True(t, requireError(t, s, code).Permanent, "no body says that the message was accepted")
			continue
		}
		if code < 300 {
			require.NoError(t, s.Send(t.Context(), one()), code)
			continue
		}
		failure := requireError(t, s, code)
		require.Equal(t, code, failure.Status)
		isRetryable := code == 408 || code == 429 || code >= 500
		require.Equal(t, !isRetryable, failure.Permanent, code)
		if code != http.StatusNotModified && !k.Headline { // has no body, or the library does not return it
			require.EqualError(t, failure, fmt.Sprintf("notify %s: got HTTP status %d (channel_not_found), want 200", Channel, code))
		}
	}
}

func (k Kit) retryAfter(t *testing.T) {
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

func (k Kit) backoff(t *testing.T) {
	var posts atomic.Int64
	status := http.StatusServiceUnavailable
	url := Webhook(t, func(w http.ResponseWriter, _ *http.Request) { posts.Add(1); w.WriteHeader(status); k.accept(w) })
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

func (k Kit) plainText(t *testing.T) {
	statuses := []int{400, 413, 415, 422}
	if k.FormError != "" {
		statuses = append(statuses, http.StatusOK)
	}
	for _, status := range statuses {
		var bodies []string
		accepted := true
		url := Webhook(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			if len(bodies) == 1 || !accepted {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, k.FormError)
				return
			}
			k.accept(w)
		})
		require.NoError(t, k.newSender(t, Config{URL: url}).Send(t.Context(), one()), status)
		require.Len(t, bodies, 2, status)
		require.LessOrEqual(t, len(bodies[1]), len(bodies[0]))
		require.Contains(t, bodies[1], "Full sync completed")
		if !k.Headline {
			require.Contains(t, bodies[1], "100,000 read", "plain text has the details too")
		}

		bodies, accepted = nil, false
		require.True(t, requireError(t, k.newSender(t, Config{URL: url})).Permanent, "rejected plain text is not retried")
		require.Len(t, bodies, 2)
	}
}

func (k Kit) digest(t *testing.T) {
	var posts atomic.Int64
	url := Webhook(t, func(w http.ResponseWriter, _ *http.Request) { posts.Add(1); k.accept(w) })
	list := []notify.Notification{Completed(), Rejected(), Completed()}
	require.NoError(t, k.newSender(t, Config{URL: url}).Send(t.Context(), list))
	require.EqualValues(t, 1, posts.Load())
}

func (k Kit) longStrings(t *testing.T) {
	const limit = 40_000 // bytes, which every channel accepts in some form
	var size int
	url := Webhook(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		size = len(body)
		k.accept(w)
	})
	long := strings.Repeat("<&>é\n", 4000)
	n, command := Completed(), Rejected()
	n.Outcome, n.Run.Reason, n.Run.TenantID = notify.Failed, long, events.TenantID(long)
	n.Run.Error = &events.RunError{Type: events.APIError, Entity: long, Message: long}
	command.Command.Reason = long
	for _, list := range [][]notify.Notification{{n}, {command}, {n, command, n}} {
		require.NoError(t, k.newSender(t, Config{URL: url}).Send(t.Context(), list))
		require.Less(t, size, limit)
	}
}
