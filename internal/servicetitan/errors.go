package servicetitan

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind is the type of an error as events report it.
type Kind string

const (
	AuthError       Kind = "AuthError"       // credentials, app key or token rejected
	PermissionError Kind = "PermissionError" // the app lacks the entity's scope, or the tenant has not connected it
	NotFound        Kind = "NotFound"        // the path does not exist
	APIError        Kind = "ApiError"        // any other failure of the API or of the connection
	ValidationError Kind = "ValidationError" // the call cannot be made: unknown tenant, cursor of another feed
)

// Error is a failed call. It contains neither secrets nor the query string.
type Error struct {
	Kind    Kind
	Status  int // HTTP status, 0 without a response
	Entity  string
	Method  string
	Path    string
	Address string // Path with its host
	Message string
	Scope   string // the missing scope; only for PermissionError

	permanent     bool
	unexpected    bool
	fromAPI       bool
	wait          time.Duration
	rateLimited   bool // the call was not sent
	tokenRejected bool
	cause         error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Entity)
	if e.Method != "" {
		fmt.Fprintf(&b, ": %s %s", e.Method, cmp.Or(e.Address, e.Path))
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	return b.String() + ": " + e.Message
}

// Unwrap returns the network or context error behind a call without a response.
func (e *Error) Unwrap() error { return e.cause }

// Type returns the error.type of outcome events.
func (e *Error) Type() string { return string(e.Kind) }

// Permanent reports that no retry can succeed.
func (e *Error) Permanent() bool { return e.permanent }

// Unexpected reports that a permanent error may be caused by a temporary fault of the API or
// of a proxy in front of it, so that a few retries make sense.
func (e *Error) Unexpected() bool { return e.unexpected }

// FromAPI reports that the response is an error document of the API.
func (e *Error) FromAPI() bool { return e.fromAPI }

// RetryAfter returns the delay before a retry that the API or the rate limiter asked for, 0 if
// there is none.
func (e *Error) RetryAfter() time.Duration { return e.wait }

// RateLimited reports that the rate limit of the API or our own was reached.
func (e *Error) RateLimited() bool { return e.Status == http.StatusTooManyRequests || e.rateLimited }

// NotSent reports that the call was not sent, because our own rate limit was reached.
func (e *Error) NotSent() bool { return e.rateLimited }

// TokenRejected reports that the export feed rejected the continuation token. Reading the feed
// from a date can help.
func (e *Error) TokenRejected() bool { return e.tokenRejected }
