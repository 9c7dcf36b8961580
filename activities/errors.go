package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// TypeFinalized is the type of the error that ends a slice whose run is finalized already. It
// is never retried.
const TypeFinalized = "RunDecided"

// TypeUnknownRun is the type of the error that ends an activity whose run is not in the ledger,
// or belongs to another execution there: the ledger was restored to an earlier state. It is
// never retried, and nothing was written.
const TypeUnknownRun = "RunUnknown"

// An error of the API or the store has optional methods: whether a retry can succeed, when, and
// the type of the error in events.

// isPermanent reports whether a retry cannot succeed.
func isPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// isRefused reports whether a retry can succeed only after an operator has acted, for example
// because PostgreSQL refuses a statement for lack of a privilege.
func isRefused(err error) bool {
	var r interface{ Refused() bool }
	return errors.As(err, &r) && r.Refused()
}

// waitOf returns the delay that the API requested, for example by Retry-After; 0 if none.
func waitOf(err error) time.Duration {
	var r interface{ RetryAfter() time.Duration }
	if errors.As(err, &r) {
		return r.RetryAfter()
	}
	return 0
}

// isRateLimited reports whether a rate limit was reached.
func isRateLimited(err error) bool {
	var r interface{ RateLimited() bool }
	return errors.As(err, &r) && r.RateLimited()
}

// typeOf returns the type of the error in events.
func typeOf(err error) events.ErrorType {
	var t interface{ Type() string }
	if errors.As(err, &t) {
		return events.ErrorType(t.Type())
	}
	return events.APIError
}

// isTokenRejected reports whether the API no longer accepts the continuation token.
func isTokenRejected(err error) bool {
	var t interface{ TokenRejected() bool }
	return errors.As(err, &t) && t.TokenRejected()
}

// isUnexpected reports whether a permanent error may still be transient, for example because a
// proxy caused it.
func isUnexpected(err error) bool {
	var u interface{ Unexpected() bool }
	return errors.As(err, &u) && u.Unexpected()
}

// isFromAPI reports whether the error is from the API itself, not from a proxy in front of it.
func isFromAPI(err error) bool {
	var e interface{ FromAPI() bool }
	return errors.As(err, &e) && e.FromAPI()
}

// isNotSent reports whether our own rate limiter kept the call from being sent.
func isNotSent(err error) bool {
	var n interface{ NotSent() bool }
	return errors.As(err, &n) && n.NotSent()
}

// retryable returns an error that Temporal's retry policy retries, after the delay that the API
// requested, if any.
func retryable(kind events.ErrorType, err error) error {
	if errors.Is(err, ledger.ErrFinalized) {
		return temporal.NewNonRetryableApplicationError(err.Error(), TypeFinalized, nil)
	}
	if errors.Is(err, ledger.ErrUnknown) {
		return temporal.NewNonRetryableApplicationError(err.Error(), TypeUnknownRun, nil)
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(kind), temporal.ApplicationErrorOptions{
		NextRetryDelay: waitOf(err),
	})
}
