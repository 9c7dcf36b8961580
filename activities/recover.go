package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// storeError is an error of the store, as opposed to one of the API.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// recover handles an error of a step. If it returns nil, the slice continues from s.at;
// otherwise the activity ends with the returned error.
func (s *slice) recover(ctx context.Context, err error) error {
	var stored *storeError
	switch {
	case errors.Is(err, ledger.ErrFenced):
		// Another attempt of this slice stored the page: read the position again.
		at, err := s.open(context.WithoutCancel(ctx))
		if err != nil {
			return s.retryOrGiveUp(ctx, events.StoreError, &storeError{err})
		}
		s.at = at
		return nil
	case errors.As(err, &stored):
		if s.interrupted(ctx) && errors.Is(err, context.Canceled) {
			return nil // it was taken back, and can be made again
		}
		return s.retryOrGiveUp(ctx, events.StoreError, err)
	case isTokenRejected(err) && s.at.Cursor.Token != "" && !s.at.Cursor.LoopGuard.ByDate && (isFromAPI(err) || !s.mayBeTransient(err)):
		s.resumeByDate()
		return nil
	case isPermanent(err) && !s.mayBeTransient(err):
		return s.fail(ctx, err)
	}
	s.report.noteError(err)
	return s.retryOrGiveUp(ctx, typeOf(err), err)
}

// resumeByDate discards the token of the feed, which is unknown or has expired.
func (s *slice) resumeByDate() {
	from := "the beginning"
	if since := s.at.Cursor.Since; !since.IsZero() {
		from = since.UTC().Format(time.RFC3339)
	}
	warning := "ServiceTitan no longer knows the feed's token: it is read again from " + from
	s.Logger.Warn().EmbedObject(s.target).Msg(warning)
	s.at.Cursor.Token, s.at.Cursor.LoopGuard, s.warned = "", entity.LoopGuard{ByDate: true}, append(s.warned, warning)
}

// fail ends the entity, and it alone. If another attempt of this slice has moved the position, the entity
// does not fail: that attempt may be reading it, and this one continues from there.
func (s *slice) fail(ctx context.Context, err error) error {
	re := events.RunError{Type: typeOf(err), Message: ledger.ErrorMessage(err), Entity: s.target.Entity.Name}
	failed := s.Store.FailEntity(context.WithoutCancel(ctx), s.target, s.at, re)
	if errors.Is(failed, ledger.ErrFenced) {
		return s.reopen(ctx, err)
	}
	if failed != nil {
		return retryable(events.StoreError, failed)
	}
	s.at.Status, s.at.Error = events.StatusFailed, &re
	s.report.reached(s.at)
	return nil
}

// reopen reads the position again after another attempt has moved it. cause is why this one wanted to end
// the entity. If it could never open the entity, nothing else would end it: the workflow keeps the cause for
// the outcome, unless a newer attempt has replaced this one.
func (s *slice) reopen(ctx context.Context, cause error) error {
	at, err := s.open(context.WithoutCancel(ctx))
	switch {
	case err == nil:
		s.reached(at)
		return nil
	case s.at.Opened():
		return retryable(events.StoreError, err)
	}
	return temporal.NewNonRetryableApplicationError(cause.Error(), string(typeOf(cause)), cause)
}
