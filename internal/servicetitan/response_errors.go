package servicetitan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/jsonscan"
)

const (
	quotedBytes      = 80   // of a body that is not what was asked for
	explanationBytes = 400  // of an explanation by the server
	scannedBytes     = 4096 // of a body for the two above
)

// transientError returns an error that a retry may fix.
func (a response) transientError(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Status: a.status, Entity: a.subject, Method: a.method, Path: a.path, Address: mask(a.address, a.secrets...), Message: fmt.Sprintf(format, args...)}
}

// permanentError returns an error that no retry fixes.
func (a response) permanentError(kind Kind, format string, args ...any) *Error {
	e := a.transientError(kind, format, args...)
	e.permanent = true
	return e
}

// isPage reports whether the response may contain a page.
func (a response) isPage() bool {
	return a.status == http.StatusOK || a.status == http.StatusNonAuthoritativeInfo
}

// transientStatuses are the statuses below 500 that are transient by definition.
var transientStatuses = map[int]bool{
	http.StatusRequestTimeout: true, http.StatusTooEarly: true, http.StatusTooManyRequests: true,
	499: true, // the caller went away, says a proxy
}

// statusError returns the error of a response that is not a page. Statuses of 500 and more,
// and transientStatuses, are transient. All others are permanent but unexpected, because a
// proxy may send them during a temporary fault.
func (a response) statusError() *Error {
	switch s := a.status; {
	case s == http.StatusUnauthorized:
		return a.unexpectedError(AuthError, "the API rejected the app key or a new token: %s", a.explanation())
	case s == http.StatusForbidden:
		e := a.unexpectedError(PermissionError, "the app lacks scope %s, or the tenant has not connected the app: %s", a.scope, a.explanation())
		e.Scope = a.scope
		return e
	case s == http.StatusNotFound || s == http.StatusGone:
		return a.unexpectedError(NotFound, "path %s does not exist: %s", a.path, a.explanation())
	case s == http.StatusTooManyRequests:
		e := a.transientError(APIError, "rate limit exceeded: %s", a.explanation())
		e.wait = a.retryAfter(true)
		return e
	case transientStatuses[s] || s >= 500:
		e := a.transientError(APIError, "%s", a.explanation())
		e.wait = a.retryAfter(false)
		return e
	case s == http.StatusConflict && strings.Contains(strings.ToLower(a.explanation()), "maintenance"):
		return a.transientError(APIError, "temporarily unavailable: %s", a.explanation()) // the reporting API responds to maintenance with a conflict
	case a.isRedirect():
		return a.redirectError()
	}
	e := a.unexpectedError(APIError, "%s", a.explanation())
	e.tokenRejected = a.status == http.StatusBadRequest && a.feedToken && a.isAboutFrom()
	return e
}

// unexpectedError returns a permanent error that may be caused by a temporary fault.
func (a response) unexpectedError(kind Kind, format string, args ...any) *Error {
	e := a.permanentError(kind, format, args...)
	e.unexpected, e.fromAPI = true, a.isFromAPI()
	if !e.fromAPI {
		e.Message += "; the response is not an error document of the API: check the address"
	}
	return e
}

// isFromAPI reports whether the body is an error document of the API or of its gateway: an
// object with a title, or with statusCode and message, whose status is that of the response.
func (a response) isFromAPI() bool {
	if !jsonscan.Valid(a.body) {
		return false
	}
	doc := gjson.ParseBytes(a.body)
	for _, name := range []string{"status", "statusCode"} {
		if status := doc.Get(name); status.Type == gjson.Number && int(status.Num) != a.status {
			return false
		}
	}
	return doc.Get("title").Type == gjson.String ||
		doc.Get("statusCode").Type == gjson.Number && doc.Get("message").Type == gjson.String
}

func (a response) isRedirect() bool { return a.status >= 300 && a.status < 400 }

// redirectError returns a transient error for a temporary redirect, such as one to a
// maintenance page, else a permanent one, because the address is wrong.
func (a response) redirectError() *Error {
	to := "an unknown address"
	if u, err := url.Parse(a.header.Get("Location")); err == nil && u.Host != "" {
		to = u.Scheme + "://" + u.Host
	}
	e := a.transientError(APIError, "redirects to %s, which is not followed: check the address", sanitize(to, explanationBytes, a.secrets...))
	e.permanent = a.status != http.StatusFound && a.status != http.StatusSeeOther && a.status != http.StatusTemporaryRedirect
	e.unexpected = e.permanent
	return e
}

// decodeError returns the error of a response with status 200 that could not be decoded.
func (a response) decodeError(err error) *Error {
	e := a.transientError(APIError, "%v", err)
	if shape, ok := errors.AsType[*shapeError](err); ok {
		e.permanent, e.unexpected = shape.permanent, shape.unexpected
		if a.isPrivate && shape.unquoted != "" {
			e.Message = shape.unquoted
		}
		switch {
		case shape.quote && a.isPrivate:
			e.Message += a.excerpt()
		case shape.quote && shape.at > 0:
			e.Message += "; the body there is " + a.excerptAt(shape.at-quotedBytes/4)
		case shape.quote:
			e.Message += a.excerpt()
		}
	}
	return e
}

// explanation returns the server's explanation: title and errors of the API's problem
// document, error of the token server, else the beginning of the body.
func (a response) explanation() string {
	if len(a.body) == 0 {
		return "empty body"
	}
	if !jsonscan.Valid(a.body) {
		return a.excerptAt(0)
	}
	doc := gjson.ParseBytes(a.body)
	var parts []string
	for _, name := range []string{"title", "detail", "error", "error_description", "message"} {
		if text := doc.Get(name); text.Type == gjson.String && text.Str != "" {
			parts = append(parts, text.Str)
		}
	}
	doc.Get("errors").ForEach(func(field, problems gjson.Result) bool {
		problems.ForEach(func(_, problem gjson.Result) bool {
			parts = append(parts, fmt.Sprintf("%s: %s", field.String(), problem.String()))
			return true
		})
		return true
	})
	if len(parts) == 0 {
		return a.excerptAt(0)
	}
	return sanitize(strings.Join(parts, "; "), explanationBytes, a.secrets...)
}

// excerpt quotes the beginning of an unexpected body. It omits that of the token server,
// which may contain a token.
func (a response) excerpt() string {
	if len(a.body) == 0 || a.path == tokenPath {
		return ""
	}
	if a.isPrivate && !a.isHTML() {
		return "; " + a.unquotedBody()
	}
	return "; the body begins with " + a.excerptAt(0)
}

// isHTML reports whether the body is a page for people, such as that of a proxy.
func (a response) isHTML() bool { return bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")) }

// unquotedBody describes a body that may have records, whose fields may not be shown.
func (a response) unquotedBody() string {
	return fmt.Sprintf("the body of %d bytes is not quoted, because SYNC_FIELDS names the entity", len(a.body))
}

// excerptAt quotes a body from an index.
func (a response) excerptAt(from int) string {
	if a.isPrivate && !a.isHTML() {
		return a.unquotedBody()
	}
	rest := a.body[min(max(0, from), len(a.body)):]
	head := string(rest[:min(len(rest), scannedBytes)])
	return fmt.Sprintf("%q", sanitize(head, quotedBytes, a.secrets...))
}

// isAboutFrom reports whether a 400 may concern the parameter from, which it may unless the
// response names only other parameters.
func (a response) isAboutFrom() bool {
	if !jsonscan.Valid(a.body) {
		return true
	}
	named, from := false, false
	gjson.GetBytes(a.body, "errors").ForEach(func(field, _ gjson.Result) bool {
		named = true
		from = from || strings.EqualFold(field.Str, "from")
		return true
	})
	return from || !named
}

// noResponseError returns the error of a call without a complete response. partial is what
// was received of the body. The error omits the URL.
func (c call) noResponseError(ctx context.Context, err error, partial []byte) error {
	if ctx.Err() != nil {
		return c.interruptedError("waiting for the response", ctx.Err())
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	e := response{call: c}.transientError(APIError, "no complete response: %s", sanitize(err.Error(), explanationBytes, c.secrets...))
	if errors.Is(err, context.DeadlineExceeded) {
		e.Message = fmt.Sprintf("no complete response within %s", c.timeout)
	}
	e.Message += response{call: c, body: partial}.excerpt()
	e.cause = err
	return e
}

// interruptedError adds the call and the current step to err. The error of the caller's
// context is returned as it is: an *Error is a failure of the API.
func (c call) interruptedError(doing string, err error) error {
	return fmt.Errorf("%s: %s %s: %s: %w", c.subject, c.method, c.path, doing, err)
}

// limitError returns the error of a call that the rate limiter rejected.
func (c call) limitError(err error) error {
	var over *rateLimitError
	if !errors.As(err, &over) {
		return c.interruptedError("waiting for the rate limit", err)
	}
	e := response{call: c}.transientError(APIError, "not sent: %v", over)
	e.wait, e.rateLimited = over.wait, true
	return e
}

func (c call) addressError() *Error {
	return response{call: c}.permanentError(ValidationError, "the configured address is not a URL, want one such as https://api.servicetitan.io")
}

// sanitize prepares text for one line of a log: white space becomes one space, characters
// that cannot be printed are removed, secrets are masked, and long text is truncated.
func sanitize(text string, most int, secrets ...Secret) string {
	text = strings.Join(strings.Fields(mask(text, secrets...)), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
	text = mask(text, secrets...) // once more: what stood within one and does not print is gone
	return display.Truncate(text, most)
}
