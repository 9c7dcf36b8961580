package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// An error that looks permanent and may be an accident is worth so many tries, over so
// long a time.
const (
	accidentTries = 6
	accidentTime  = 2 * time.Minute
)

const (
	// stallTries is how often a slice must have failed before its entity is given up.
	stallTries = 3
	// awaitedShare is the part of the limit after which an entity is given up while
	// requests for others wait.
	awaitedShare = 10
	// probes is the maximum number of other entities to probe, to find out whether ServiceTitan
	// answers.
	probes = 3
)

// failures is what the attempts of a slice know of those before them: heartbeats carry it
// from one to the next. It begins anew whenever something was stored.
type failures struct {
	Since time.Time `json:"since"` // when the first one failed
	Tries int       `json:"tries"`

	// The same of errors that look permanent.
	AccidentsSince time.Time `json:"accidentsSince"`
	Accidents      int       `json:"accidents"`

	// RefusedSince is the time of the first refusal by the store.
	RefusedSince time.Time `json:"refusedSince"`
}

// refusalGrace is how long a slice is retried while the store refuses it: long enough for
// an operator to repair a grant or finish a migration.
const refusalGrace = 5 * time.Minute

// previousFailures returns the failures of earlier attempts, from the heartbeat details.
func previousFailures(ctx context.Context) (f failures) {
	if activity.HasHeartbeatDetails(ctx) {
		_ = activity.GetHeartbeatDetails(ctx, &f) // an earlier version sent none
	}
	return f
}

// isAccident says whether a permanent error deserves another try: a status that came once
// may be that of a proxy. The API's own refusal of what has not worked in this run does not.
func (s *slice) isAccident(err error) bool {
	if !isUnexpected(err) || isExplained(err) && s.at.Pages == 0 {
		return false
	}
	return s.failures.Accidents < accidentTries || time.Since(s.failures.AccidentsSince) < accidentTime
}

// retryOrGiveUp returns an error for the retry policy, unless the entity has stalled others
// for too long: then the entity fails.
func (s *slice) retryOrGiveUp(ctx context.Context, kind events.ErrorType, err error) error {
	if errors.Is(err, ledger.ErrFinalized) || isNotAsked(err) {
		return retryable(kind, err)
	}
	now := time.Now()
	if s.failures.Tries++; s.failures.Since.IsZero() {
		s.failures.Since = now
	}
	if isPermanent(err) {
		if s.failures.Accidents++; s.failures.AccidentsSince.IsZero() {
			s.failures.AccidentsSince = now
		}
	}
	if !isRefused(err) {
		s.failures.RefusedSince = time.Time{}
	} else if s.failures.RefusedSince.IsZero() {
		s.failures.RefusedSince = now
	}
	s.report.setFailures(s.failures)
	if isRefused(err) && now.Sub(s.failures.RefusedSince) >= refusalGrace {
		return s.giveUpRefused(ctx, err)
	}
	if why := s.stalled(ctx, err); why != "" {
		return s.fail(ctx, &gaveUpError{err, fmt.Sprintf("given up after %d tries in %v, %s", s.failures.Tries, now.Sub(s.failures.Since).Round(time.Second), why)})
	}
	return retryable(kind, err)
}

// startError returns the error of the activity if the run cannot be read.
func (s *slice) startError(ctx context.Context, err error) error {
	if !isRefused(err) {
		return retryable(events.StoreError, err)
	}
	if s.failures.RefusedSince.IsZero() {
		s.failures.RefusedSince = time.Now()
	}
	activity.RecordHeartbeat(ctx, s.failures)
	if time.Since(s.failures.RefusedSince) >= refusalGrace {
		return temporal.NewNonRetryableApplicationError(err.Error(), string(events.StoreError), err)
	}
	return retryable(events.StoreError, err)
}

// giveUpRefused fails the entity for what the store refuses. Where it refuses that, too,
// the workflow keeps the error for the outcome.
func (s *slice) giveUpRefused(ctx context.Context, err error) error {
	why := fmt.Sprintf("given up after %v", time.Since(s.failures.RefusedSince).Round(time.Second))
	if s.fail(ctx, &gaveUpError{err, why}) == nil {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), string(events.StoreError), err)
}

// gaveUpError is a transient error that is not retried any longer.
type gaveUpError struct {
	error
	why string
}

func (e *gaveUpError) Error() string { return e.error.Error() + " (" + e.why + ")" }
func (e *gaveUpError) Unwrap() error { return e.error }

// stalled says why an entity that fails is not waited for any longer, "" while it is: its
// run has come to a standstill for as long as the limit allows, and yet others could be
// read. While nothing can be read, for an outage of ServiceTitan or PostgreSQL, it waits.
func (s *slice) stalled(ctx context.Context, err error) string {
	failing := time.Since(s.failures.Since)
	if s.StallLimit <= 0 || s.failures.Tries < stallTries || failing < s.StallLimit/awaitedShare {
		return ""
	}
	ctx = context.WithoutCancel(ctx)
	held, unknown := s.Store.Stall(ctx, s.in.RunNumber, s.in.TenantID, s.entity)
	if unknown != nil {
		return ""
	}
	limit := s.StallLimit
	if held.BlocksOthers {
		limit /= awaitedShare
	}
	if min(failing, held.Idle) < limit {
		return ""
	}
	var stored *storeError
	if errors.As(err, &stored) { // what Stall reads and FailEntity writes is in PostgreSQL, too
		return "while PostgreSQL answers"
	}
	return s.answering(ctx, held.ProbeEntities)
}

// answering says which of several entities ServiceTitan answers for, "" where none.
func (s *slice) answering(ctx context.Context, names []string) string {
	asked := 0
	for _, name := range names {
		e, ok := entity.Find(name)
		if !ok || asked == probes {
			continue
		}
		asked++
		if _, err := s.Source.Probe(ctx, s.in.TenantID, e); err == nil {
			return "while ServiceTitan answers for " + name
		}
	}
	return ""
}
