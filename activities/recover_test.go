package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

const benign = temporal.ApplicationErrorCategoryBenign

var badToken = &activitytest.APIError{Message: "bad continueFrom", ErrorType: "ValidationError", IsPermanent: true, IsTokenRejected: true}

// failAt answers one page with an error.
func failAt(page int, err error) func(context.Context, activitytest.PageRequest) error {
	return func(_ context.Context, a activitytest.PageRequest) error {
		if a.Page == page {
			return err
		}
		return nil
	}
}

func TestSliceRetriesTransientAPIErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		kind string
		wait time.Duration
	}{
		"rate limit":        {&activitytest.APIError{Message: "slow down", Delay: 37 * time.Second}, "ApiError", 37 * time.Second},
		"outage":            {&activitytest.APIError{Message: "bad gateway"}, "ApiError", 0},
		"login":             {&activitytest.APIError{Message: "no token today", ErrorType: "AuthError"}, "AuthError", 0},
		"nobody knows what": {errors.New("connection reset"), "ApiError", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.API.Answer = failAt(3, c.err)
				_, err := r.slice()
				reported := failure(t, err)
				require.Equal(t, c.kind, reported.Type())
				require.Equal(t, c.wait, reported.NextRetryDelay())
				require.False(t, reported.NonRetryable())
				require.Contains(t, reported.Error(), c.err.Error())
				require.EqualValues(t, 2, position(r).Pages, "what was read before is stored")

				r.API.Answer = nil
				result, err := r.slice()
				require.NoError(t, err)
				require.Equal(t, events.StatusCompleted, result.Status)
				require.Equal(t, []int{1, 2, 3, 3}, r.API.RequestedPages("customers"))
			})
		})
	}
}

func TestSliceFailsItsEntityAfterAPermanentError(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Answer = failAt(2, &activitytest.APIError{Message: "403: not for you", ErrorType: "PermissionError", IsPermanent: true})
		result, err := r.slice()
		require.NoError(t, err, "the ledger has it: the activity has done its work")
		require.Equal(t, activities.SliceResult{Status: events.StatusFailed, Phase: events.PhaseDone, Pages: 1, Records: 10, Total: 30,
			Error: &events.RunError{Type: events.PermissionError, Message: "403: not for you", Entity: "customers"}}, result)
		at := position(r)
		require.Equal(t, events.StatusFailed, at.Status)
		require.Equal(t, &events.RunError{Type: events.PermissionError, Message: "403: not for you", Entity: "customers"}, at.Error)
	})
}

func TestSliceFailsItsEntityAfterAPermanentStoreError(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "Open" {
				return &activitytest.APIError{Message: "no second tenant yet", ErrorType: "ValidationError", IsPermanent: true}
			}
			return nil
		}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusFailed, result.Status)
		require.Equal(t, &events.RunError{Type: events.ValidationError, Message: "no second tenant yet", Entity: "customers"}, position(r).Error)
		require.Empty(t, r.API.PageRequests(""))
	})
}

func TestPausedSliceStillFailsItsEntity(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Answer = func(context.Context, activitytest.PageRequest) error {
			r.pause()
			return &activitytest.APIError{Message: "404", ErrorType: "NotFound", IsPermanent: true}
		}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusFailed, result.Status)
		require.Equal(t, events.NotFound, position(r).Error.Type)
	})
}

func TestFencedSliceReloadsTheCursor(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		customers, _ := entity.Find("customers")
		r.API.Pages = map[string]int{"customers": 5}
		other := func(ctx context.Context) { // another attempt stores the page that this one has just read
			at := position(r)
			p, err := r.API.Page(ctx, activitytest.Tenant, customers, at.Cursor, false)
			require.NoError(t, err)
			p.Release()
			_, err = r.Ledger.StorePage(ctx, r.run.Target(customers), at, p)
			require.NoError(t, err)
		}
		stores := 0
		r.Ledger.Refuse = func(op, _ string) error {
			if op != "StorePage" {
				return nil
			}
			if stores++; stores == 2 {
				other(t.Context())
			}
			return nil
		}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, activities.SliceResult{Status: events.StatusCompleted, Phase: events.PhaseDone, Pages: 5, Records: 50, Total: 50}, result)
		require.Equal(t, 50, r.Ledger.Rows("customers"))
		require.EqualValues(t, 50, position(r).Inserted)
	})
}

// The failure of an attempt may reach PostgreSQL after Temporal has started another one.
func TestALateFailureDoesNotEndAnEntityThatAnotherAttemptReads(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		customers, _ := entity.Find("customers")
		r.API.Pages = map[string]int{"customers": 5}
		r.API.Answer = failAt(3, &activitytest.APIError{Message: "never", IsPermanent: true})
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "FailEntity" {
				r.Ledger.Refuse, r.API.Answer = nil, nil
				at := position(r)
				p, err := r.API.Page(t.Context(), activitytest.Tenant, customers, at.Cursor, false)
				require.NoError(t, err)
				p.Release()
				_, err = r.Ledger.StorePage(t.Context(), r.run.Target(customers), at, p)
				require.NoError(t, err)
			}
			return nil
		}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, activities.SliceResult{Status: events.StatusCompleted, Phase: events.PhaseDone, Pages: 5, Records: 50, Total: 50}, result)
		require.Nil(t, position(r).Error)
	})
}

// An attempt that cannot open the entity does not know whether another one has opened it meanwhile. If
// none has, the workflow has to end the entity.
func TestAFailureToOpenLeavesAnEntityThatIsOpenToTheWorkflow(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		customers, _ := entity.Find("customers")
		open := false
		r.Ledger.Refuse = func(op, _ string) error {
			switch {
			case op == "FailEntity":
				open = true
				_, err := r.Ledger.Open(t.Context(), r.run.Target(customers))
				require.NoError(t, err)
				open = false
			case op == "Open" && !open:
				return &activitytest.APIError{Message: "two tenants", IsPermanent: true}
			}
			return nil
		}
		_, err := r.slice()
		require.ErrorContains(t, err, "two tenants")
		require.True(t, failure(t, err).NonRetryable())
		require.False(t, position(r).Done())
	})
}

func TestSliceIsNotRetriedAfterItsRunIsFinalized(t *testing.T) {
	for _, op := range []string{"Open", "StorePage", "FailEntity"} {
		t.Run(op, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.API.Answer = failAt(3, &activitytest.APIError{Message: "never", IsPermanent: true})
				r.Ledger.Refuse = func(now, _ string) error {
					if now == op {
						r.Ledger.Refuse = nil
						_, err := r.Ledger.Finalize(t.Context(), r.run.Ref(), ledger.Finalization{State: ledger.Failed})
						require.NoError(t, err)
					}
					return nil
				}
				_, err := r.slice()
				require.Equal(t, activities.TypeFinalized, failure(t, err).Type())
				require.True(t, failure(t, err).NonRetryable())
			})
		})
	}
}

func TestSliceRetriesTransientStoreErrors(t *testing.T) {
	for _, op := range []string{"RunHeader", "Open", "StorePage", "FailEntity"} {
		t.Run(op, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.API.Answer = failAt(3, &activitytest.APIError{Message: "never", IsPermanent: true})
				r.Ledger.Refuse = func(now, _ string) error {
					if now == op {
						return errors.New("no connection")
					}
					return nil
				}
				_, err := r.slice()
				require.Equal(t, "StoreError", failure(t, err).Type())
				require.False(t, failure(t, err).NonRetryable())
				require.NotEqual(t, events.StatusFailed, position(r).Status)
			})
		})
	}
}

func TestSliceReportsThatAnotherRunReadsTheEntity(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		customers, _ := entity.Find("customers")
		_, err := r.Ledger.Open(t.Context(), r.run.Target(customers))
		require.NoError(t, err)
		r.begin(t, events.Full)
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, activities.SliceResult{Busy: true, Total: ledger.UnknownTotal}, result)
		require.Empty(t, r.API.RequestedPages("customers"))
		within(2 * time.Second)
		reported := r.Events.Progress("customers")
		require.Len(t, reported, 1)
		require.Equal(t, events.WaitBusy, reported[0].Waiting.Why)
	})
}

func TestSliceFallsBackToTheDateIfItsTokenIsUnknown(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		since := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		r.begin(t, events.Incremental)
		r.Ledger.SetResumePoint(activitytest.Tenant, "customers", "page-2", since)
		known := false
		r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
			if a.Cursor.Token == "" {
				known = true
				require.Equal(t, since, a.Cursor.Since)
			}
			if !known {
				return badToken
			}
			return nil
		}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
		require.Equal(t, []int{2, 1, 2, 3}, r.API.RequestedPages("customers"), "the token, then from the date on")
		require.Equal(t, []string{"ServiceTitan no longer knows the feed's token: it is read again from 2026-03-01T00:00:00Z"}, position(r).Warnings)
	})
}

func TestSliceFallsBackToTheDateOnce(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Answer = failAt(2, badToken) // however often it was issued
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusFailed, result.Status)
		require.Equal(t, []int{1, 2, 1, 2}, r.API.RequestedPages("customers"))
	})
}

// TestSliceFallsBackToTheDateOnceInAllAttempts: a feed that rejects its own tokens is read by date
// only once.
func TestSliceFallsBackToTheDateOnceInAllAttempts(t *testing.T) {
	for name, own := range map[string]bool{"the API explains it": true, "something else says so": false} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.API.Answer = failAt(2, &activitytest.APIError{Message: "status 400", IsPermanent: true, IsUnexpected: true, IsFromAPI: own, IsTokenRejected: true})
				result, _, err := r.attempts(time.Hour)
				require.NoError(t, err)
				require.Equal(t, events.StatusFailed, result.Status)
				begun := 0
				for _, page := range r.API.RequestedPages("customers") {
					if page == 1 {
						begun++
					}
				}
				require.Equal(t, 2, begun)
			})
		})
	}
}
