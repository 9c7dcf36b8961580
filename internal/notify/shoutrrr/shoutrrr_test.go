package shoutrrr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/notifytest"
)

// generic returns the URL of the library's service for any webhook.
func generic(webhook string) string {
	scheme, rest, _ := strings.Cut(webhook, "://")
	query := "?"
	if strings.Contains(rest, "?") {
		query = "&"
	}
	if scheme == "http" {
		return "generic://" + rest + query + "disabletls=yes"
	}
	return "generic://" + rest
}

func TestConformance(t *testing.T) {
	t.Parallel()
	const opaque = "the library returns no headers and no body"
	notifytest.Kit{
		NewSender: func(t *testing.T, c notifytest.Config) notify.Sender {
			t.Helper()
			o := Options{URL: generic(c.URL), Now: c.Now, Logger: c.Logger}
			if c.HTTP != nil {
				o.Timeout = c.HTTP.Timeout
			}
			s, err := New(o)
			require.NoError(t, err)
			return s
		},
		Headline: true,
		Skip: map[string]string{
			"every HTTP status": opaque + ": see TestStatuses", "Retry-After": opaque, "an error in the body with status 200": opaque,
			"a redirect is not followed": opaque + ": see TestRedirectsAreNotFollowed", "a slow receiver": opaque + ": see TestASlowServiceIsCalledOnceAtATime", "a response without end": opaque,
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

func TestStatuses(t *testing.T) {
	t.Parallel()
	status := 200
	url := notifytest.Webhook(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	for _, status = range []int{200, 202, 204, 400, 401, 403, 404, 408, 410, 429, 500, 503, 599} {
		err := newSender(t, Options{URL: generic(url)}).Send(t.Context(), one())
		if status < 300 {
			require.NoError(t, err, status)
			continue
		}
		var failure *notify.Error
		require.ErrorAs(t, err, &failure, status)
		require.Equal(t, status, failure.Status)
		require.Equal(t, status < 500 && status != 408 && status != 429, failure.Permanent, status)
		require.Equal(t, notifytest.Channel, failure.To)
	}
}

// An attempt that hangs keeps neither the notifier nor a pile of connections.
func TestASlowServiceIsCalledOnceAtATime(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	calls := make(chan struct{}, 10)
	free := sync.OnceFunc(func() { close(release) })
	url := notifytest.Webhook(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		calls <- struct{}{}
		<-release
	})
	t.Cleanup(free) // before the server is closed
	clock := notifytest.Ended
	s := newSender(t, Options{URL: generic(url), Timeout: 2 * time.Second, Now: func() time.Time { clock = clock.Add(time.Hour); return clock }})
	require.EqualError(t, s.Send(t.Context(), one()), "notify "+notifytest.Channel+": no response within the timeout")
	require.EqualError(t, s.Send(t.Context(), one()), "notify "+notifytest.Channel+": the attempt before has not ended")
	<-calls
	free()
	require.Eventually(t, func() bool { return s.Send(t.Context(), one()) == nil }, time.Minute, 5*time.Millisecond)
	require.Len(t, calls, 1)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := notifytest.Webhook(t, func(http.ResponseWriter, *http.Request) { t.Error("the message went elsewhere") })
	url := notifytest.Webhook(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	var failure *notify.Error
	require.ErrorAs(t, newSender(t, Options{URL: generic(url)}).Send(t.Context(), one()), &failure)
	require.True(t, failure.Permanent)
	require.ErrorContains(t, failure, "redirects are not followed")
	require.NotContains(t, failure.Error(), "sEcReT")
}

func TestCheckNamesTheSchemeAndNothingElse(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"pagerdutty://sEcReT-kEy":          `not "pagerdutty"`,
		"sEcReT-kEy":                       "a URL with the scheme of a service",
		"logger://sEcReT-kEy":              "not logger: it only logs",
		"telegram://sEcReT-kEy":            "a URL of telegram, in the form",
		"smtp://u:sEcReT-kEy@host:port/x":  "a URL of smtp, in the form",
		"teams://sEcReT-kEy":               "a URL of teams, in the form",
		"slack://sEcReT-kEy":               "a URL of slack, in the form",
		"discord://sEcReT-kEy":             "a URL of discord, in the form",
		"generic://%zz-sEcReT-kEy":         "a URL of generic, in the form",
		"ntfy://sEcReT-kEy/?bad-sEcReT=x1": "a URL of ntfy, in the form",
	} {
		err := Check(url)
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "sEcReT")
		_, err = New(Options{URL: url})
		require.Error(t, err)
	}
	for _, url := range []string{
		"generic+https://example.com/hook", "smtp://user:password@example.com:587/?from=a@example.com&to=b@example.com",
		"discord://token@id", "matrix://user:password@127.0.0.1:1/?disabletls=yes", // does not log in here
	} {
		require.NoError(t, Check(url), url)
	}
}

// A mail server refuses in its own way, and the error has neither the password nor the address.
func TestMailErrors(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			connection, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(connection, "554 no service for sEcReT-pAsSwOrD\r\n")
			_ = connection.Close()
		}
	}()
	var log bytes.Buffer
	s := newSender(t, Options{
		URL:    "smtp://user:sEcReT-pAsSwOrD@" + l.Addr().String() + "/?from=a@example.com&to=people@example.com&usestarttls=no",
		Logger: zerolog.New(&log),
	})
	err = s.Send(t.Context(), one())
	require.Error(t, err)
	require.NotContains(t, err.Error()+log.String(), "sEcReT")

	for code, permanent := range map[int]bool{421: false, 450: false, 550: true, 554: true} {
		failure := s.classify(fmt.Errorf("send: %w", &textproto.Error{Code: code, Msg: "people@example.com"}))
		require.Equal(t, permanent, failure.Permanent, code)
		require.NotContains(t, failure.Text, "people")
	}
	require.False(t, s.classify(errors.New("odd")).Permanent)
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short", cut("short"))
	long := cut(strings.Repeat("é", 5000))
	require.LessOrEqual(t, len(long), maxText+len("…"))
	require.True(t, strings.HasSuffix(long, "é…"))
}
