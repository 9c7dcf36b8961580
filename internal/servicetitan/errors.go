package servicetitan

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind is what went wrong, in the words of the events that tell of it.
type Kind string

const (
	AuthError       Kind = "AuthError"       // the credentials, the app key or the token are refused
	PermissionError Kind = "PermissionError" // the app lacks the entity's scope, or the tenant has not connected it
	NotFound        Kind = "NotFound"        // the path is gone
	APIError        Kind = "ApiError"        // everything else the API or the way to it does wrong
	ValidationError Kind = "ValidationError" // the call cannot be made: unknown tenant, cursor that does not fit
)

// Error is a call that failed. It never holds a secret, nor a query string.
type Error struct {
	Kind    Kind
	Status  int // HTTP status, 0 where there was no answer
	Entity  string
	Method  string
	Path    string
	Address string // that was asked: Path with its server
	Message string
	Scope   string // what the app must be granted; only for PermissionError

	permanent     bool
	unexpected    bool
	explained     bool
	wait          time.Duration
	overBudget    bool // the call was not made
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

// Unwrap returns the network or context error behind a call without an answer.
func (e *Error) Unwrap() error { return e.cause }

// Type is the error.type that outcome events carry.
func (e *Error) Type() string { return string(e.Kind) }

// Permanent says that asking again cannot help.
func (e *Error) Permanent() bool { return e.permanent }

// Unexpected says of a permanent error that it may yet be an accident, of the API or of
// something in front of it, and worth some more tries.
func (e *Error) Unexpected() bool { return e.unexpected }

// Explained says that the API itself gave the reason, in the form that it documents.
func (e *Error) Explained() bool { return e.explained }

// RetryAfter is how long the API asked to wait, 0 where it did not say.
func (e *Error) RetryAfter() time.Duration { return e.wait }

// RateLimited says that there were too many calls: for the API, or for our own budget.
func (e *Error) RateLimited() bool { return e.Status == http.StatusTooManyRequests || e.overBudget }

// NotAsked says that the call was not made: there was no budget for it.
func (e *Error) NotAsked() bool { return e.overBudget }

// TokenRejected says that the export feed refused the continueFrom it was
// given: reading it again from a date can help.
func (e *Error) TokenRejected() bool { return e.tokenRejected }
