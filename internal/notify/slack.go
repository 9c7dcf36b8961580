package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// SlackOptions say where notifications go.
type SlackOptions struct {
	URL    string            // incoming webhook, a secret; empty: messages are logged instead
	URLs   map[string]string // incoming webhook by Slack channel, for those that have their own
	HTTP   *http.Client      // nil: one with a timeout of ten seconds
	Logger zerolog.Logger
	Now    func() time.Time // the clock, time.Now when nil
}

// Slack posts to incoming webhooks.
type Slack struct {
	fallback address
	byName   map[string]address
	http     *http.Client
	logger   zerolog.Logger
	now      func() time.Time

	mu    sync.Mutex
	quiet map[address]time.Time // until when a webhook asked to be left alone
}

// address is a webhook URL. Whoever prints it sees stars.
type address string

func (address) String() string               { return "***" }
func (address) GoString() string             { return "***" }
func (address) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// NewSlack makes a Slack channel. It refuses a URL that cannot be a webhook.
func NewSlack(o SlackOptions) (*Slack, error) {
	s := &Slack{
		fallback: address(o.URL), byName: map[string]address{},
		logger: o.Logger, now: o.Now, quiet: map[address]time.Time{},
	}
	problems := []error{checkURL("SLACK_WEBHOOK_URL", o.URL)}
	for name, to := range o.URLs {
		problems = append(problems, checkURL("SLACK_WEBHOOK_URLS for "+name, to))
		s.byName[name] = address(to)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.http = withoutRedirects(o.HTTP)
	return s, nil
}

// checkURL never quotes the value: it is a password.
func checkURL(name, value string) error {
	if value == "" {
		return nil
	}
	parsed, err := url.Parse(value)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "https" && !plainLoopback(parsed)) {
		return fmt.Errorf("%s: got *** (%d characters), want a URL like https://hooks.slack.com/services/…", name, len(value))
	}
	return nil
}

// plainLoopback allows http to a stand-in for Slack on the same machine.
func plainLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback()))
}

// withoutRedirects keeps a post from being repeated elsewhere.
func withoutRedirects(given *http.Client) *http.Client {
	client := http.Client{Timeout: 10 * time.Second}
	if given != nil {
		client = *given
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// Send posts a notification, or logs it where no webhook is configured.
func (s *Slack) Send(ctx context.Context, n Notification) error {
	m := render(n)
	to, ok := s.byName[n.To]
	if !ok {
		to = s.fallback
	}
	if to == "" {
		s.logger.Info().Str("workflow_id", n.Data.WorkflowID).Str("event_id", n.EventID).
			Str("text", m.plain()).Msg("would send to " + n.To)
		return nil
	}
	if wait := s.quietFor(to); wait > 0 {
		return &Error{To: n.To, Text: "Slack asked to wait", After: wait}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode notification for %s: %w", n.To, err)
	}
	failure := s.post(ctx, to, body)
	if failure == nil {
		return nil
	}
	failure.To = n.To
	failure.Text = to.redact(failure.Text)
	return failure
}

// post sends a body and judges the answer; nil is success.
func (s *Slack) post(ctx context.Context, to address, body []byte) *Error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, string(to), bytes.NewReader(body))
	if err != nil {
		return &Error{Text: "the webhook URL cannot be used", Permanent: true}
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := s.http.Do(request)
	if err != nil {
		return &Error{Text: reason(err)}
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 300)) // only quoted; the status decides
	return s.judge(to, response, strings.TrimSpace(string(answer)))
}

func (s *Slack) judge(to address, response *http.Response, answer string) *Error {
	status := response.StatusCode
	failure := &Error{Status: status, Text: answer}
	if answer == "" {
		failure.Text = "no text"
	}
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusTooManyRequests:
		failure.After = s.retryAfter(response.Header.Get("Retry-After"))
		s.keepQuiet(to, failure.After)
	case status == http.StatusRequestTimeout, status >= 500:
		// the next delivery decides how long to wait
	default:
		failure.Permanent = true
	}
	return failure
}

// reason tells why there was no answer, without the URL that *url.Error quotes.
func reason(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	return err.Error()
}

// redact takes the address and its path, which is the secret part, out of a text.
func (a address) redact(text string) string {
	text = strings.ReplaceAll(text, string(a), "***")
	if parsed, err := url.Parse(string(a)); err == nil && len(parsed.Path) > 1 {
		text = strings.ReplaceAll(text, parsed.Path, "***")
		text = strings.ReplaceAll(text, strings.TrimPrefix(parsed.Path, "/"), "***")
	}
	return text
}

// retryAfter reads the header in either form. Slack's rule without it is one
// message a second; more than ten minutes is not believed.
func (s *Slack) retryAfter(header string) time.Duration {
	wait := time.Second
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(seconds, 3600)) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(s.now())
	}
	return min(max(wait, time.Second), 10*time.Minute)
}

func (s *Slack) keepQuiet(to address, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet[to] = s.now().Add(wait)
}

func (s *Slack) quietFor(to address) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quiet[to].Sub(s.now())
}
