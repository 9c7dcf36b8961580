package servicetitan

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/tidwall/gjson"
)

const (
	quotedBytes = 80   // of a body that is not what was asked for
	saidBytes   = 400  // of an explanation by the server
	searched    = 4096 // of a body for the two above
)

// fail makes an error that another try may mend.
func (a answer) fail(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Status: a.status, Entity: a.subject, Method: a.method, Path: a.path, Address: mask(a.address, a.secrets...), Message: fmt.Sprintf(format, args...)}
}

// refuse makes an error that stays.
func (a answer) refuse(kind Kind, format string, args ...any) *Error {
	e := a.fail(kind, format, args...)
	e.permanent = true
	return e
}

// isPage says whether the answer is one that a page can be read from.
func (a answer) isPage() bool {
	return a.status == http.StatusOK || a.status == http.StatusNonAuthoritativeInfo
}

// transientStatuses are those below 500 that say of themselves that they pass.
var transientStatuses = map[int]bool{
	http.StatusRequestTimeout: true, http.StatusTooEarly: true, http.StatusTooManyRequests: true,
	499: true, // the caller went away, says a proxy
}

// failure says what an answer means that is no page. Statuses of 500 and more, and those
// of transientStatuses, pass. Every other one is permanent by what it says, and yet
// unexpected: a proxy may send it in the middle of good answers.
func (a answer) failure() *Error {
	switch s := a.status; {
	case s == http.StatusUnauthorized:
		return a.unexpected(AuthError, "the API refuses the app key or a new token: %s", a.said())
	case s == http.StatusForbidden:
		e := a.unexpected(PermissionError, "the app is not granted scope %s, or the tenant has not connected it: %s", a.scope, a.said())
		e.Scope = a.scope
		return e
	case s == http.StatusNotFound || s == http.StatusGone:
		return a.unexpected(NotFound, "path %s does not exist: %s", a.path, a.said())
	case s == http.StatusTooManyRequests:
		e := a.fail(APIError, "too many calls: %s", a.said())
		e.wait = a.retryAfter(true)
		return e
	case transientStatuses[s] || s >= 500:
		e := a.fail(APIError, "%s", a.said())
		e.wait = a.retryAfter(false)
		return e
	case s == http.StatusConflict && strings.Contains(strings.ToLower(a.said()), "maintenance"):
		return a.fail(APIError, "suspended for now: %s", a.said()) // reporting says so, of all things with a conflict
	case a.redirects():
		return a.redirected()
	}
	e := a.unexpected(APIError, "%s", a.said())
	e.tokenRejected = a.status == http.StatusBadRequest && a.feedToken && a.blamesFrom()
	return e
}

// unexpected makes an error that stays, or is an accident.
func (a answer) unexpected(kind Kind, format string, args ...any) *Error {
	e := a.refuse(kind, format, args...)
	e.unexpected, e.explained = true, a.explains()
	if !e.explained {
		e.Message += "; the answer is not of the API's form: is the address right?"
	}
	return e
}

// explains says whether the body is an error as the API writes it, or its front door:
// an object with a title, or with statusCode and message, whose status is that of the
// answer.
func (a answer) explains() bool {
	if !validJSON(a.body) {
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

func (a answer) redirects() bool { return a.status >= 300 && a.status < 400 }

// redirected tells a page that moved for now, such as one for maintenance, from
// an address that is wrong.
func (a answer) redirected() *Error {
	to := "nowhere"
	if u, err := url.Parse(a.header.Get("Location")); err == nil && u.Host != "" {
		to = u.Scheme + "://" + u.Host
	}
	e := a.fail(APIError, "redirects to %s, which is not followed; is the address right?", clean(to, saidBytes, a.secrets...))
	e.permanent = a.status != http.StatusFound && a.status != http.StatusSeeOther && a.status != http.StatusTemporaryRedirect
	e.unexpected = e.permanent
	return e
}

// unreadable is a 200 whose body could not be used.
func (a answer) unreadable(err error) *Error {
	e := a.fail(APIError, "%v", err)
	var shape *shapeError
	if errors.As(err, &shape) {
		e.permanent, e.unexpected = shape.permanent, shape.unexpected
		switch {
		case shape.quote && shape.at > 0:
			e.Message += "; there it holds " + a.quote(shape.at-quotedBytes/4)
		case shape.quote:
			e.Message += a.beginning()
		}
	}
	return e
}

// said is the server's explanation: title and errors of the API's problem
// document, error of the token server's, else the beginning of the body.
func (a answer) said() string {
	if len(a.body) == 0 {
		return "no explanation"
	}
	if !validJSON(a.body) {
		return a.quote(0)
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
		return a.quote(0)
	}
	return clean(strings.Join(parts, "; "), saidBytes, a.secrets...)
}

// beginning shows how a body begins that is not what was asked for; not that of a
// token server, which may hold a token.
func (a answer) beginning() string {
	if len(a.body) == 0 || a.path == tokenPath {
		return ""
	}
	return "; it begins " + a.quote(0)
}

// quote shows a body from a place on.
func (a answer) quote(from int) string {
	rest := a.body[min(max(0, from), len(a.body)):]
	head := string(rest[:min(len(rest), searched)])
	return fmt.Sprintf("%q", clean(head, quotedBytes, a.secrets...))
}

// blamesFrom says whether a 400 can be about the parameter from. It is unless
// the answer names other parameters only.
func (a answer) blamesFrom() bool {
	if !validJSON(a.body) {
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

// unanswered is a call that got no complete answer, but perhaps the beginning of
// one. The URL is left out of it.
func (c call) unanswered(ctx context.Context, err error, began []byte) error {
	if ctx.Err() != nil {
		return c.interrupted("waiting for the answer", ctx.Err())
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	e := answer{call: c}.fail(APIError, "no complete answer: %s", clean(err.Error(), saidBytes, c.secrets...))
	if errors.Is(err, context.DeadlineExceeded) {
		e.Message = fmt.Sprintf("no complete answer within %s", c.timeout)
	}
	e.Message += answer{call: c, body: began}.beginning()
	e.cause = err
	return e
}

// interrupted adds to err what was going on. The end of the caller's context
// stays what it is; only the API's own failures are an *Error.
func (c call) interrupted(doing string, err error) error {
	return fmt.Errorf("%s: %s %s: %s: %w", c.subject, c.method, c.path, doing, err)
}

// unaffordable is a call that the budget did not let out.
func (c call) unaffordable(err error) error {
	var over *overBudgetError
	if !errors.As(err, &over) {
		return c.interrupted("waiting for the budget of calls", err)
	}
	e := answer{call: c}.fail(APIError, "not asked: %v", over)
	e.wait, e.overBudget = over.wait, true
	return e
}

func (c call) badAddress() *Error {
	return answer{call: c}.refuse(ValidationError, "the configured address does not make a URL, want one such as https://api.servicetitan.io")
}

// clean makes text fit for one line of a log: white space becomes one space,
// what does not print goes, secrets are masked, and what is too long is cut.
func clean(text string, most int, secrets ...Secret) string {
	text = strings.Join(strings.Fields(mask(text, secrets...)), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
	text = mask(text, secrets...) // once more: what stood within one and does not print is gone
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
