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
	"regexp"
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
	RunURL string            // where a run is shown, with {workflowId}, {runId} or {runNumber} in it; may be empty
	HTTP   *http.Client      // nil: one with a timeout of ten seconds
	Logger zerolog.Logger
	Now    func() time.Time // the clock, time.Now when nil
}

// Slack posts to incoming webhooks.
type Slack struct {
	fallback address
	byName   map[string]address
	runURL   string
	http     *http.Client
	logger   zerolog.Logger
	now      func() time.Time

	mu    sync.Mutex
	quiet map[address]*rest
}

// rest is how long a webhook is left alone: as long as it asked for, or longer with each
// failure in a row. What waits for it then comes back at once, and not one by one.
type rest struct {
	until    time.Time
	failures uint64
}

// address is a webhook URL. Whoever prints it sees stars.
type address string

func (address) String() string               { return "***" }
func (address) GoString() string             { return "***" }
func (address) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// NewSlack makes a Slack channel. It refuses a URL that cannot be a webhook.
func NewSlack(o SlackOptions) (*Slack, error) {
	s := &Slack{
		fallback: address(o.URL), byName: map[string]address{}, runURL: o.RunURL,
		logger: o.Logger, now: o.Now, quiet: map[address]*rest{},
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

// Send posts one message, or logs it where no webhook is configured.
func (s *Slack) Send(ctx context.Context, list []Notification) error {
	name := list[0].To
	m := renderer{runURL: s.runURL, now: s.now()}.message(list)
	to, ok := s.byName[name]
	if !ok {
		to = s.fallback
	}
	if to == "" {
		s.logger.Info().Str("event_id", list[0].EventID).Str("text", m.plain()).Msg("would send to " + name)
		return nil
	}
	if wait := s.quietFor(to); wait > 0 {
		return &Error{To: name, Text: "left alone for a while", After: wait}
	}
	failure, err := s.postEither(ctx, to, m)
	if err != nil {
		return fmt.Errorf("encode notification for %s: %w", name, err)
	}
	if failure == nil {
		s.answered(to)
		return nil
	}
	if !failure.Permanent && ctx.Err() == nil {
		failure.After = s.keepQuiet(to, failure.After)
	}
	failure.To = name
	failure.Text = to.redact(failure.Text)
	return failure
}

// postEither sends a message, and once more as plain text where its form is refused: not every
// receiver that calls itself compatible with Slack knows blocks.
func (s *Slack) postEither(ctx context.Context, to address, m message) (*Error, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	failure := s.post(ctx, to, body)
	if failure == nil || !failure.refusesForm() {
		return failure, nil
	}
	if body, err = json.Marshal(m.asText()); err != nil {
		return nil, err
	}
	s.logger.Warn().Int("status", failure.Status).Str("answer", to.redact(failure.Text)).Msg("form of the message refused, sending plain text")
	return s.post(ctx, to, body), nil
}

// refusesForm says whether the receiver may take the same message in another form.
func (e *Error) refusesForm() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return e.Permanent && e.Status >= 200 && e.Status < 300
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
	answer, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // what is missing is not judged
	return s.judge(response, strings.TrimSpace(string(answer)))
}

const (
	maxAnswer    = 64 << 10
	quotedAnswer = 300
)

func (s *Slack) judge(response *http.Response, answer string) *Error {
	status := response.StatusCode
	failure := &Error{Status: status, Text: strings.ToValidUTF8(answer[:min(len(answer), quotedAnswer)], "")}
	if answer == "" {
		failure.Text = "no text"
	}
	switch {
	case status >= 200 && status < 300:
		refusal := refusalIn(answer)
		if refusal == "" {
			return nil
		}
		failure.Text = refusal
		if passing.MatchString(refusal) {
			failure.After = s.retryAfter(response.Header.Get("Retry-After"))
			return failure
		}
		failure.Permanent = true
	case status == http.StatusTooManyRequests:
		failure.After = s.retryAfter(response.Header.Get("Retry-After"))
	case status == http.StatusRequestTimeout, status >= 500:
	default:
		failure.Permanent = true
	}
	return failure
}

var (
	// errorWord is how Slack names what is wrong: no_text, invalid_blocks.
	errorWord = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)
	// errorText is how others say so.
	errorText = regexp.MustCompile(`(?i)^error\b|\bfailed with error\b`)
	// passing are errors that another try may cure.
	passing = regexp.MustCompile(`(?i)rate_?limit|too_many_requests|internal_error|fatal_error|timeout|time_out|unavailable|try_again`)
)

// refusalIn finds the error in an answer with a status of success, "" where there is none.
func refusalIn(answer string) string {
	var body struct {
		OK      *bool           `json:"ok"`
		Success *bool           `json:"success"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal([]byte(answer), &body) == nil {
		text := strings.Trim(string(body.Error), `"`)
		none := text == "" || text == "null" || text == "false"
		switch denied := body.OK != nil && !*body.OK || body.Success != nil && !*body.Success; {
		case !none:
			return text[:min(len(text), quotedAnswer)]
		case denied:
			return "not ok"
		}
		return ""
	}
	if errorWord.MatchString(answer) || errorText.MatchString(answer) {
		return answer[:min(len(answer), quotedAnswer)]
	}
	return ""
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

// keepQuiet leaves a webhook alone for as long as it asks, or as its failures suggest,
// and returns how long that is.
func (s *Slack) keepQuiet(to address, asked time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.quiet[to]
	if r == nil {
		r = &rest{}
		s.quiet[to] = r
	}
	if asked == 0 {
		r.failures++
		asked = backoff(r.failures)
	}
	r.until = s.now().Add(asked)
	return asked
}

func (s *Slack) answered(to address) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.quiet, to)
}

func (s *Slack) quietFor(to address) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.quiet[to]; r != nil {
		return r.until.Sub(s.now())
	}
	return 0
}
