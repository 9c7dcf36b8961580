package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// TypeDecided is the type of the error that ends a slice whose run has an outcome
// already. It is never retried.
const TypeDecided = "RunDecided"

// TypeUnknownRun is the type of the error that ends an activity whose run the ledger does
// not have, or has as that of another execution: it was restored to an earlier state. It
// is never retried, and nothing was written.
const TypeUnknownRun = "RunUnknown"

// What an error of the API may say of itself. It answers what the program
// needs to know: can it ever succeed, when to try again, and what to call it.
type (
	permanent     interface{ Permanent() bool }
	typed         interface{ Type() string }
	retryAfter    interface{ RetryAfter() time.Duration }
	rateLimited   interface{ RateLimited() bool }
	tokenRejected interface{ TokenRejected() bool }
	refused       interface{ Refused() bool }
	unexpected    interface{ Unexpected() bool }
	explained     interface{ Explained() bool }
	notAsked      interface{ NotAsked() bool }
)

// isPermanent says whether trying again can never help.
func isPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p) && p.Permanent()
}

// isRefused reports whether a retry can succeed only after an operator has acted, for example
// because PostgreSQL refuses a statement for lack of a privilege.
func isRefused(err error) bool {
	var r refused
	return errors.As(err, &r) && r.Refused()
}

// waitOf says how long the API asked us to wait, 0 if it did not.
func waitOf(err error) time.Duration {
	var r retryAfter
	if errors.As(err, &r) {
		return r.RetryAfter()
	}
	return 0
}

// isRateLimited says whether there were too many calls.
func isRateLimited(err error) bool {
	var r rateLimited
	return errors.As(err, &r) && r.RateLimited()
}

// typeOf names the error as the events do.
func typeOf(err error) events.ErrorType {
	var t typed
	if errors.As(err, &t) {
		return events.ErrorType(t.Type())
	}
	return events.APIError
}

// isTokenRejected says whether the API no longer knows the feed's token.
func isTokenRejected(err error) bool {
	var t tokenRejected
	return errors.As(err, &t) && t.TokenRejected()
}

// isUnexpected says whether an error that looks permanent may be an accident.
func isUnexpected(err error) bool {
	var u unexpected
	return errors.As(err, &u) && u.Unexpected()
}

// isExplained says whether the API itself gave the reason.
func isExplained(err error) bool {
	var e explained
	return errors.As(err, &e) && e.Explained()
}

// isNotAsked says whether the call was not made, for want of budget.
func isNotAsked(err error) bool {
	var n notAsked
	return errors.As(err, &n) && n.NotAsked()
}

// retryable hands an error to Temporal's retry policy, with the wait the API asked
// for where it did.
func retryable(kind events.ErrorType, err error) error {
	if errors.Is(err, ledger.ErrFinalized) {
		return temporal.NewNonRetryableApplicationError(err.Error(), TypeDecided, nil)
	}
	if errors.Is(err, ledger.ErrUnknown) {
		return temporal.NewNonRetryableApplicationError(err.Error(), TypeUnknownRun, nil)
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(kind), temporal.ApplicationErrorOptions{
		NextRetryDelay: waitOf(err),
	})
}
