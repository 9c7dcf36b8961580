package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lazi/lazisync/internal/failpoint"
)

// WebhookURL is the URL of an incoming webhook. It is a password: printed, logged or encoded
// it reads ***.
type WebhookURL string

func (WebhookURL) String() string               { return "***" }
func (WebhookURL) GoString() string             { return "***" }
func (WebhookURL) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// Check reports whether the URL can be that of a webhook: https, or http to a loopback
// address for tests. The name is what the error calls it; the error omits the value. An
// empty URL is valid.
func (u WebhookURL) Check(name string) error {
	if u == "" {
		return nil
	}
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Host == "" || (parsed.Scheme != "https" && !isPlainLoopback(parsed)) {
		return fmt.Errorf("%s: got *** (%d characters), want a URL such as https://hooks.slack.com/services/…", name, len(u))
	}
	return nil
}

func isPlainLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback()))
}

// Redact removes the URL and its secret parts, path and query, from a text.
func (u WebhookURL) Redact(text string) string {
	secrets := []string{string(u)}
	if parsed, err := url.Parse(string(u)); err == nil {
		secrets = append(secrets, parsed.RequestURI(), parsed.Path, strings.TrimPrefix(parsed.Path, "/"), parsed.RawQuery)
		for _, values := range parsed.Query() {
			secrets = append(secrets, values...)
		}
	}
	for _, secret := range secrets {
		if len(secret) > 1 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// Body is what a Poster posts.
type Body struct {
	Content []byte
	Header  http.Header // may be nil; the default Content-Type is JSON
	// Check returns the error in the body of a response with a status of success, "" if there is
	// none, and whether another form of the message may be accepted. The default detects the
	// errors of Slack's webhooks and of receivers that are compatible with them.
	Check func(answer string) (text string, rejectsForm bool)
}

// Redact removes the URL, its secret parts, and the token of the header from a text.
func (b Body) Redact(to WebhookURL, text string) string {
	text = to.Redact(text)
	if _, token, ok := strings.Cut(b.Header.Get("Authorization"), " "); ok {
		text = strings.ReplaceAll(text, token, "***")
	}
	return text
}

// Poster posts to webhooks for a Sender. It classifies responses, follows no redirects
// and backs off from a webhook that fails: until the backoff ends, nothing is posted to it.
// A Poster is safe for concurrent use.
type Poster struct {
	http *http.Client
	now  func() time.Time

	mu       sync.Mutex
	backoffs map[WebhookURL]*webhookBackoff
}

// webhookBackoff is how long a webhook is not used: as long as it asked for, or longer with
// each consecutive failure. All messages for it are then retried at the same time.
type webhookBackoff struct {
	until    time.Time
	failures uint64
}

// NewPoster returns a Poster. The default client has a timeout of ten seconds, and the
// default clock is time.Now.
func NewPoster(client *http.Client, now func() time.Time) *Poster {
	p := &Poster{http: &http.Client{Timeout: 10 * time.Second}, now: now, backoffs: map[WebhookURL]*webhookBackoff{}}
	if client != nil {
		copied := *client
		p.http = &copied
	}
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if now == nil {
		p.now = time.Now
	}
	return p
}

// Send posts a body to a webhook on behalf of a channel. While the webhook is backing off it
// posts nothing. If the webhook rejects the form of the body, Send posts the plain body, and
// calls rejected before. The error is an *Error.
func (p *Poster) Send(ctx context.Context, channel string, to WebhookURL, body, plain Body, rejected func(*Error)) error {
	return p.Attempt(ctx, channel, to, func() *Error {
		failure := p.Post(ctx, to, body)
		if failure != nil && failure.RejectsForm() {
			failure.Text = body.Redact(to, failure.Text)
			rejected(failure)
			failure = p.Post(ctx, to, plain)
		}
		if failure != nil {
			failure.Text = body.Redact(to, failure.Text)
		}
		return failure
	})
}

// Attempt calls send on behalf of a channel, unless its URL is backing off, and starts or ends the
// backoff of the URL. The error is an *Error.
func (p *Poster) Attempt(ctx context.Context, channel string, to WebhookURL, send func() *Error) error {
	if wait := p.remaining(to); wait > 0 {
		return &Error{To: channel, Text: "backing off after a failure", After: wait}
	}
	failure := send()
	if failure == nil {
		p.reset(to)
		return nil
	}
	if !failure.Permanent && ctx.Err() == nil {
		failure.After = p.backOff(to, failure.After)
	}
	failure.To = channel
	return failure
}

// Post posts a body once, without backoff. It returns nil on success. The text of the error
// may contain the URL or a token: redact it before use.
func (p *Poster) Post(ctx context.Context, to WebhookURL, body Body) (failure *Error) {
	ctx, end := startPost(ctx, to)
	defer func() { end(failure) }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, string(to), bytes.NewReader(body.Content))
	if err != nil {
		return &Error{Text: "the webhook URL cannot be used", Permanent: true}
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	maps.Copy(request.Header, body.Header)
	response, err := p.http.Do(request)
	if err != nil {
		return &Error{Text: reason(err)}
	}
	defer response.Body.Close()
	if err := failpoint.Error("notifier/posted", io.ErrUnexpectedEOF); err != nil {
		return &Error{Text: reason(err)}
	}
	answer, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // a truncated body is classified as far as it was read
	check := body.Check
	if check == nil {
		check = checkBody
	}
	return p.classify(response, strings.TrimSpace(string(answer)), check)
}

const (
	maxAnswer    = 64 << 10 // bytes read of a response
	quotedAnswer = 300      // bytes of it in an error
)

func (p *Poster) classify(response *http.Response, body string, check func(string) (string, bool)) *Error {
	failure := &Error{Status: response.StatusCode, Text: strings.ToValidUTF8(body[:min(len(body), quotedAnswer)], "")}
	if body == "" {
		failure.Text = "empty body"
	}
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		text, rejectsForm := check(body)
		if text == "" {
			return nil
		}
		failure.Text, failure.Permanent = text[:min(len(text), quotedAnswer)], !retryableError.MatchString(text)
		failure.rejectsForm = rejectsForm && failure.Permanent
		if !failure.Permanent {
			failure.After = p.parseRetryAfter(response.Header.Get("Retry-After"))
		}
	case status == http.StatusTooManyRequests:
		failure.After = p.parseRetryAfter(response.Header.Get("Retry-After"))
	default:
		failure = StatusError(status, failure.Text)
	}
	return failure
}

// StatusError returns the error of a response: permanent, unless a status says that a retry can
// help.
func StatusError(status int, text string) *Error {
	isRetryable := status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
	return &Error{Status: status, Text: text, Permanent: !isRetryable}
}

// RejectsForm reports whether the webhook may accept the message in another form.
func (e *Error) RejectsForm() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return e.rejectsForm
}

// reason says why there was no response, without the URL that *url.Error contains.
func reason(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "no response within the timeout"
	}
	return err.Error()
}

// parseRetryAfter reads the header in either form. Without it the delay is one second, the
// rate at which Slack allows messages. The delay is at most ten minutes.
func (p *Poster) parseRetryAfter(header string) time.Duration {
	wait := time.Second
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(seconds, 3600)) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(p.now())
	}
	return min(max(wait, time.Second), 10*time.Minute)
}

// backOff stops posts to a webhook for the delay it asked for, else for one that grows with
// its consecutive failures. It returns the delay.
func (p *Poster) backOff(to WebhookURL, delay time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.backoffs[to]
	if b == nil {
		b = &webhookBackoff{}
		p.backoffs[to] = b
	}
	if delay == 0 {
		b.failures++
		delay = nextDelay(b.failures)
	}
	b.until = p.now().Add(delay)
	return delay
}

func (p *Poster) reset(to WebhookURL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.backoffs, to)
}

// remaining returns how long the webhook is still backing off.
func (p *Poster) remaining(to WebhookURL) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.backoffs[to]; b != nil {
		return b.until.Sub(p.now())
	}
	return 0
}
