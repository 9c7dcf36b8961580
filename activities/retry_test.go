package activities_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// odd is an answer of a proxy, or of the API.
func odd(own bool) *activitytest.APIError {
	return &activitytest.APIError{Message: "status 403", ErrorType: "PermissionError", IsPermanent: true, IsUnexpected: true, IsFromAPI: own}
}

// TestOneUnexpectedStatusCostsOneAttempt: a permanent status that occurs once fails nothing.
func TestOneUnexpectedStatusCostsOneAttempt(t *testing.T) {
	for _, page := range []int{1, 2} {
		for _, own := range []bool{false, true} {
			if page == 1 && own {
				continue // the API refuses what it has not answered: that is meant so
			}
			t.Run(fmt.Sprintf("page %d, own %v", page, own), func(t *testing.T) {
				inTime(t, func(t *testing.T, r *rig) {
					r.API.Answer = failTimes(page, 1, odd(own))
					result, tries, err := r.attempts(time.Hour)
					require.NoError(t, err)
					require.Equal(t, 2, tries)
					require.Equal(t, events.StatusCompleted, result.Status)
				})
			})
		}
	}
}

// failTimes answers one page so many times with an error.
func failTimes(page, times int, err error) func(context.Context, activitytest.PageRequest) error {
	return func(_ context.Context, a activitytest.PageRequest) error {
		if a.Page == page && times > 0 {
			times--
			return err
		}
		return nil
	}
}

// TestRepeatedUnexpectedStatusesFailTheEntityAfterMinutes: the entity fails with that error after
// minutes, not after a day.
func TestRepeatedUnexpectedStatusesFailTheEntityAfterMinutes(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Answer = failAt(2, odd(true))
		began := time.Now()
		result, tries, err := r.attempts(time.Hour)
		require.NoError(t, err)
		require.Equal(t, events.StatusFailed, result.Status)
		require.GreaterOrEqual(t, tries, 6)
		require.InDelta(t, 2*time.Minute, time.Since(began), float64(time.Minute))
		require.Equal(t, &events.RunError{Type: events.PermissionError, Message: "status 403", Entity: "customers"}, position(r).Error)
		require.EqualValues(t, 1, position(r).Pages, "what was read is stored")
	})
}

// TestExplainedErrorOfTheFirstCallFailsAtOnce: the API's own explanation makes an error permanent.
func TestExplainedErrorOfTheFirstCallFailsAtOnce(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Answer = failAt(1, odd(true))
		result, tries, err := r.attempts(time.Hour)
		require.NoError(t, err)
		require.Equal(t, 1, tries)
		require.Equal(t, events.StatusFailed, result.Status)
	})
}

// TestAnOutageDoesNotCountAsUnexpectedStatuses: unexpected statuses have their own count.
func TestAnOutageDoesNotCountAsUnexpectedStatuses(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		n := 0
		r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
			switch n++; {
			case n <= 30:
				return &activitytest.APIError{Message: "status 500"}
			case n == 31:
				return odd(false)
			}
			return nil
		}
		result, tries, err := r.attempts(2 * time.Hour)
		require.NoError(t, err)
		require.Equal(t, 32, tries)
		require.Equal(t, events.StatusCompleted, result.Status)
	})
}

// TestUnexpectedStatusKeepsTheTokenOfAFeed: only the API itself can reject a token.
func TestUnexpectedStatusKeepsTheTokenOfAFeed(t *testing.T) {
	t.Run("of a proxy", func(t *testing.T) {
		inTime(t, func(t *testing.T, r *rig) {
			refused := &activitytest.APIError{Message: "status 400", IsPermanent: true, IsUnexpected: true, IsTokenRejected: true}
			r.API.Answer = failTimes(2, 1, refused)
			_, _, err := r.attempts(time.Hour)
			require.NoError(t, err)
			require.Equal(t, []int{1, 2, 2, 3}, r.API.RequestedPages("customers"))
			require.Empty(t, position(r).Warnings)
		})
	})
	t.Run("of the API", func(t *testing.T) {
		inTime(t, func(t *testing.T, r *rig) {
			r.API.Answer = failTimes(2, 1, &activitytest.APIError{Message: "status 400", IsPermanent: true, IsUnexpected: true, IsFromAPI: true, IsTokenRejected: true})
			_, _, err := r.attempts(time.Hour)
			require.NoError(t, err)
			require.Equal(t, []int{1, 2, 1, 2, 3}, r.API.RequestedPages("customers"), "it is read by date")
		})
	})
}

// TestStalledEntityFailsIfOtherRequestsWait: an entity is retried no longer than the limit after
// the others are read, for any error.
func TestStalledEntityFailsIfOtherRequestsWait(t *testing.T) {
	long := ledger.Stall{Idle: 24 * time.Hour, ProbeEntities: []string{"jobs"}}
	awaited := long
	awaited.BlocksOthers = true
	down := errors.New("status 503")
	for name, c := range map[string]struct {
		failure error // of its page
		refused error // of the store
		held    ledger.Stall
		probe   error
		after   time.Duration // 0: not within hours
	}{
		"nobody waits":                    {failure: down, held: long, after: 10 * time.Minute},
		"others wait":                     {failure: down, held: awaited, after: time.Minute},
		"a page that comes malformed":     {failure: &activitytest.APIError{Message: "malformed"}, held: awaited, after: time.Minute},
		"a limit of one path":             {failure: &activitytest.APIError{Message: "429", IsRateLimited: true}, held: awaited, after: time.Minute},
		"odd answers":                     {failure: odd(false), held: awaited, after: time.Minute},
		"its table is locked":             {refused: errors.New("lock"), held: awaited, after: time.Minute},
		"nothing answers":                 {failure: down, held: awaited, probe: down},
		"there is nothing else":           {failure: down, held: ledger.Stall{Idle: 24 * time.Hour}},
		"the run gets on in others":       {failure: down, held: ledger.Stall{Idle: 30 * time.Second, BlocksOthers: true, ProbeEntities: []string{"jobs"}}},
		"calls that were not made":        {failure: &activitytest.APIError{Message: "budget", IsNotSent: true, IsRateLimited: true}, held: awaited},
		"an entity that nobody knows now": {failure: down, held: ledger.Stall{Idle: 24 * time.Hour, ProbeEntities: []string{"nosuch"}}},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.slices.StallLimit = 10 * time.Minute
				r.Ledger.Held, r.API.ProbeError = c.held, c.probe
				if c.failure != nil {
					r.API.Answer = failAt(2, c.failure)
				}
				r.Ledger.Refuse = func(op, _ string) error {
					if op == "StorePage" {
						return c.refused
					}
					return nil
				}
				began := time.Now()
				result, tries, err := r.attempts(5 * time.Hour)
				if c.after == 0 {
					require.Error(t, err)
					require.Greater(t, tries, 200)
					require.Empty(t, position(r).Status)
					return
				}
				require.NoError(t, err)
				require.Equal(t, events.StatusFailed, result.Status)
				require.InDelta(t, c.after, time.Since(began), float64(time.Minute+time.Second))
				require.GreaterOrEqual(t, time.Since(began), c.after)
				require.Regexp(t, `\(given up after \d+ tries in .*, while (ServiceTitan answers for jobs|PostgreSQL answers)\)$`, position(r).Error.Message)
			})
		})
	}
}

// TestAStoredPageResetsTheStallLimit: an entity that fails often and makes progress does not fail.
func TestAStoredPageResetsTheStallLimit(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.slices.StallLimit = 10 * time.Minute
		r.Ledger.Held = ledger.Stall{Idle: 24 * time.Hour, ProbeEntities: []string{"jobs"}}
		r.API.Pages = map[string]int{"customers": 40}
		requests := map[int]int{}
		r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
			if requests[a.Page]++; requests[a.Page] <= 5 {
				return errors.New("status 500")
			}
			return nil
		}
		result, _, err := r.attempts(24 * time.Hour)
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
	})
}

// TestAPauseResetsTheStallLimit: failures before a pause do not count.
func TestAPauseResetsTheStallLimit(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.slices.StallLimit = 10 * time.Minute
		r.Ledger.Held = ledger.Stall{Idle: 24 * time.Hour, ProbeEntities: []string{"jobs"}}
		r.API.Answer = failAt(2, errors.New("status 500"))
		_, _, err := r.attempts(8 * time.Minute)
		require.Error(t, err)
		_, _, err = r.attempts(8 * time.Minute) // in another activity
		require.Error(t, err)
		require.Empty(t, position(r).Status)
	})
}

// TestRebuildIsCheckedAfterAFailedCount: a count that failed is requested again, and not treated as
// unsupported.
func TestRebuildIsCheckedAfterAFailedCount(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.begin(t, events.Rebuild)
		r.API.Uncounted = 5
		r.API.CountError = odd(true)
		_, err := r.slice()
		require.Error(t, err, "asked again")
		r.API.CountError = nil
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusFailed, result.Status)
		require.Equal(t, "too few", position(r).Error.Message)
	})
}

// TestRetriedSlicesWaitForASlot: an attempt after a failure waits for a slot of its kind, and the
// first one does not. The count of failures remains.
func TestRetriedSlicesWaitForASlot(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.slices.Failing = make(chan struct{}, 1)
		r.API.Answer = failTimes(2, 2, errors.New("status 500"))
		r.slices.Failing <- struct{}{}
		_, err := r.slice()
		require.ErrorContains(t, err, "status 500", "the first attempt needs none")
		for range 3 {
			_, err = r.slice()
			require.Equal(t, "Busy", failure(t, err).Type())
			require.Equal(t, time.Second, failure(t, err).NextRetryDelay())
		}
		require.EqualValues(t, 1, r.beats["tries"])
		<-r.slices.Failing
		_, err = r.slice()
		require.ErrorContains(t, err, "status 500")
		require.EqualValues(t, 2, r.beats["tries"])
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
		require.Empty(t, r.slices.Failing)
	})
}
