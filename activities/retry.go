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

// A permanent error that is unexpected is retried until both limits are reached.
const (
	unexpectedTries = 6
	unexpectedTime  = 2 * time.Minute
)

const (
	// stallTries is how often a slice must have failed before its entity is given up.
	stallTries = 3
	// blockingDivisor shortens the limit of an entity while requests for others wait.
	blockingDivisor = 10
	// probes is the maximum number of other entities to probe, to find out whether ServiceTitan
	// answers.
	probes = 3
)

// failures counts the failed attempts of a slice since something was last stored. Heartbeats
// carry it from one attempt to the next.
type failures struct {
	Since time.Time `json:"since"` // when the first one failed
	Tries int       `json:"tries"`

	// The same for permanent errors that are unexpected.
	UnexpectedSince time.Time `json:"accidentsSince"`
	Unexpected      int       `json:"accidents"`

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

// mayBeTransient reports whether to retry a permanent error: a single unexpected status may be
// that of a proxy. If the API itself refuses a read that has not worked in this run, it is final.
func (s *slice) mayBeTransient(err error) bool {
	if !isUnexpected(err) || isFromAPI(err) && s.at.Pages == 0 {
		return false
	}
	return s.failures.Unexpected < unexpectedTries || time.Since(s.failures.UnexpectedSince) < unexpectedTime
}

// retryOrGiveUp returns an error for the retry policy, unless the entity has stalled others
// for too long: then the entity fails.
func (s *slice) retryOrGiveUp(ctx context.Context, kind events.ErrorType, err error) error {
	if errors.Is(err, ledger.ErrFinalized) || isNotSent(err) {
		return retryable(kind, err)
	}
	now := time.Now()
	if s.failures.Tries++; s.failures.Since.IsZero() {
		s.failures.Since = now
		s.Logger.Warn().EmbedObject(s.target).Err(err).Msg("entity interrupted, retrying")
	}
	if isPermanent(err) {
		if s.failures.Unexpected++; s.failures.UnexpectedSince.IsZero() {
			s.failures.UnexpectedSince = now
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
		return s.fail(ctx, &exhaustedError{err, fmt.Sprintf("given up after %d tries in %v, %s", s.failures.Tries, now.Sub(s.failures.Since).Round(time.Second), why)})
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

// giveUpRefused fails the entity because the store refuses a statement. If the store refuses to
// write that, too, the workflow keeps the error for the outcome.
func (s *slice) giveUpRefused(ctx context.Context, err error) error {
	why := fmt.Sprintf("given up after %v", time.Since(s.failures.RefusedSince).Round(time.Second))
	if s.fail(ctx, &exhaustedError{err, why}) == nil {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), string(events.StoreError), err)
}

// exhaustedError is a transient error whose retries are exhausted.
type exhaustedError struct {
	error
	why string
}

func (e *exhaustedError) Error() string { return e.error.Error() + " (" + e.why + ")" }
func (e *exhaustedError) Unwrap() error { return e.error }

// stalled returns the reason to give up a failing entity, "" to retry it. It is given up if its
// run made no progress for the stall limit while other entities can be read. During an outage
// of ServiceTitan or PostgreSQL the entity is retried.
func (s *slice) stalled(ctx context.Context, err error) string {
	failing := time.Since(s.failures.Since)
	if s.StallLimit <= 0 || s.failures.Tries < stallTries || failing < s.StallLimit/blockingDivisor {
		return ""
	}
	ctx = context.WithoutCancel(ctx)
	held, unknown := s.Store.Stall(ctx, s.target)
	if unknown != nil {
		return ""
	}
	limit := s.StallLimit
	if held.BlocksOthers {
		limit /= blockingDivisor
	}
	if min(failing, held.Idle) < limit {
		return ""
	}
	if _, ok := errors.AsType[*storeError](err); ok { // Stall and FailEntity need PostgreSQL, too
		return "while PostgreSQL answers"
	}
	return s.probeOthers(ctx, held.ProbeEntities)
}

// probeOthers sends a small request for some of the entities. It returns which of them
// ServiceTitan answers for, as a reason to give up, "" if none.
func (s *slice) probeOthers(ctx context.Context, names []string) string {
	probed := 0
	for _, name := range names {
		e, ok := entity.Find(name)
		if !ok || probed == probes {
			continue
		}
		probed++
		if _, err := s.Source.Probe(ctx, s.target.TenantID, e); err == nil {
			return "while ServiceTitan answers for " + name
		}
	}
	return ""
}
