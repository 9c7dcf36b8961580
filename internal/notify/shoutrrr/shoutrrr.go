package shoutrrr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/message"
)

// Options configure a Sender.
type Options struct {
	URL     string        // of the service, a secret
	RunURL  string        // link to a run, with the placeholders {workflowId}, {runId} and {runNumber}; may be empty
	Timeout time.Duration // of a message; default 10 seconds
	Logger  zerolog.Logger
	Now     func() time.Time // default time.Now
}

// Sender sends messages to one service. It is safe for concurrent use.
type Sender struct {
	Options
	poster *notify.Poster // for its backoff
	busy   atomic.Bool    // an attempt that timed out has not ended
}

// New returns a Sender. The error names the scheme of a URL that the library does not accept.
func New(o Options) (*Sender, error) {
	if err := Check(o.URL); err != nil {
		return nil, err
	}
	o.Timeout = cmp.Or(o.Timeout, timeout)
	boundDefaultClient()
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sender{Options: o, poster: notify.NewPoster(nil, o.Now)}, nil
}

// timeout bounds an attempt.
const timeout = 10 * time.Second

var errRedirect = errors.New("redirects are not followed")

// boundDefaultClient changes http.DefaultClient, with which most services of the library call: it
// gets a timeout, and follows no redirect to a host that must not receive the message. Everything
// else in this program has clients of its own.
var boundDefaultClient = sync.OnceFunc(func() {
	http.DefaultClient = &http.Client{
		Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}
})

// refused are the schemes of services that notify no person.
var refused = map[string]string{"logger": "it only logs"}

// loginSchemes are the schemes of services that call the network when they are set up.
var loginSchemes = []string{"matrix"}

// Check returns an error if the library does not accept a URL. The error has its scheme, and
// nothing else of it.
func Check(text string) error {
	scheme, _, ok := strings.Cut(text, "://")
	scheme, _, _ = strings.Cut(scheme, "+") // generic+https
	if !ok || scheme == "" {
		return errors.New("a URL with the scheme of a service, such as teams://…")
	}
	if why, is := refused[scheme]; is {
		return fmt.Errorf("a service that notifies people, not %s: %s", scheme, why)
	}
	services := router.ServiceRouter{}
	if _, err := services.NewService(scheme); err != nil {
		known := slices.DeleteFunc(services.ListServices(), func(s string) bool { _, is := refused[s]; return is })
		return fmt.Errorf("a scheme of %s, not %q", strings.Join(slices.Sorted(slices.Values(known)), ", "), message.Clip(scheme, 20))
	}
	if _, err := url.Parse(text); err != nil {
		return fmt.Errorf("a URL of %s, in the form that https://shoutrrr.nickfedor.com/services describes", scheme)
	}
	if slices.Contains(loginSchemes, scheme) {
		return nil
	}
	if _, err := services.Locate(text); err != nil {
		return fmt.Errorf("a URL of %s, in the form that https://shoutrrr.nickfedor.com/services describes", scheme)
	}
	return nil
}

// Send sends one message. If the service rejects it, for its length for example, Send sends the
// headline alone.
func (s *Sender) Send(ctx context.Context, list []notify.Notification) error {
	m := message.Renderer{RunURL: s.RunURL, Now: s.Now()}.Message(list)
	text := cut(m.Text())
	return s.poster.Attempt(ctx, list[0].To, notify.WebhookURL(s.URL), func() *notify.Error {
		failure := s.call(ctx, text)
		if failure != nil && failure.RejectsForm() {
			s.Logger.Warn().Int("status", failure.Status).Str("response", failure.Text).Msg("service rejected the message, sending its headline")
			failure = s.call(ctx, m.Title)
		}
		return failure
	})
}

// maxText is accepted by all services; Telegram has the lowest limit.
const maxText = 4000

// cut truncates a text to maxText bytes.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// call sends a text. The library takes no context, so that an attempt that times out continues;
// until it ends, no other one begins.
func (s *Sender) call(ctx context.Context, text string) *notify.Error {
	if ctx.Err() != nil {
		return &notify.Error{Text: ctx.Err().Error()}
	}
	if !s.busy.CompareAndSwap(false, true) {
		return &notify.Error{Text: "the attempt before has not ended"}
	}
	result := make(chan error, 1)
	go func() {
		services := router.ServiceRouter{}
		service, err := services.Locate(s.URL)
		if err == nil {
			err = service.Send(text, &types.Params{})
		}
		s.busy.Store(false) // before the caller can call again
		result <- err
	}()
	timer := time.NewTimer(s.Timeout)
	defer timer.Stop()
	select {
	case err := <-result:
		return s.classify(err)
	case <-ctx.Done():
		return &notify.Error{Text: ctx.Err().Error()}
	case <-timer.C:
		return &notify.Error{Text: "no response within the timeout"}
	}
}

// statusIn matches an HTTP status in an error of the library.
var statusIn = regexp.MustCompile(`(?i)(?:status|code|http|response)\D{0,20}\b([2-5]\d\d)\b`)

// classify returns the error of an attempt. Without a status, a retry may help.
func (s *Sender) classify(err error) *notify.Error {
	if err == nil {
		return nil
	}
	failure := &notify.Error{Text: s.redact(err.Error()), Permanent: strings.Contains(err.Error(), errRedirect.Error())}
	if refused, ok := errors.AsType[*textproto.Error](err); ok { // SMTP
		failure.Permanent = refused.Code >= 500
		return failure
	}
	if found := statusIn.FindStringSubmatch(err.Error()); found != nil {
		status, _ := strconv.Atoi(found[1]) // three digits
		return notify.StatusError(status, failure.Text)
	}
	return failure
}

const quoted = 300 // bytes of an error of the library

// redact removes every part of the URL from a text: each may be a password, the host included.
func (s *Sender) redact(text string) string {
	_, rest, _ := strings.Cut(s.URL, "://")
	parts := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(":/@?&=#,;", r) })
	for _, part := range slices.Clone(parts) {
		if decoded, err := url.QueryUnescape(part); err == nil {
			parts = append(parts, decoded)
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	for _, part := range parts {
		if len(part) > 3 {
			text = strings.ReplaceAll(text, part, "***")
		}
	}
	return message.Clip(text, quoted)
}
