package activities_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// refusal is an error of the store that lasts until somebody acts.
type refusal struct{}

func (refusal) Error() string { return "permission denied for table st_customers: grant it" }
func (refusal) Refused() bool { return true }
func (refusal) Type() string  { return "StoreError" }

func TestSliceFailsItsEntityAfterMinutesOfRefusals(t *testing.T) {
	for _, op := range []string{"Open", "StorePage"} {
		t.Run(op, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.Ledger.Refuse = func(now, _ string) error {
					if now == op {
						return fmt.Errorf("store page: %w", refusal{})
					}
					return nil
				}
				began := time.Now()
				result, tries, err := r.attempts(24 * time.Hour)
				require.NoError(t, err)
				require.Equal(t, events.StatusFailed, result.Status)
				require.Greater(t, tries, 5, "somebody may be about to act")
				require.InDelta(t, 5, time.Since(began).Minutes(), 1.5)
				r.Ledger.Refuse = nil
				require.Equal(t, events.StoreError, position(r).Error.Type)
				require.Contains(t, position(r).Error.Message, "grant it")
			})
		})
	}
}

func TestSliceContinuesAfterARefusalIsFixed(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		began := time.Now()
		r.Ledger.Refuse = func(now, _ string) error {
			if now == "StorePage" && time.Since(began) < 3*time.Minute {
				return refusal{}
			}
			return nil
		}
		result, _, err := r.attempts(24 * time.Hour)
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
	})
}

func TestSliceEndsIfTheFailureCannotBeStored(t *testing.T) {
	for _, op := range []string{"RunHeader", "StorePage"} { // the one that comes first, and all but the first
		t.Run(op, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.Ledger.Refuse = func(now, _ string) error {
					if now == op || now == "FailEntity" {
						return refusal{}
					}
					return nil
				}
				_, _, err := r.attempts(4 * time.Minute)
				require.False(t, failure(t, err).NonRetryable())
				delay(2 * time.Minute)
				_, err = r.slice()
				require.True(t, failure(t, err).NonRetryable(), "the workflow keeps the error for the outcome")
				require.Equal(t, "StoreError", failure(t, err).Type())
			})
		})
	}
}

// A run that PostgreSQL does not let start or end is retried until it can, because no outcome can
// be written either. The log and readiness have the reason.
func TestRunsWaitUntilARefusalIsFixed(t *testing.T) {
	for _, op := range []string{"BeginRun", "Finalize", "MarkPublished"} {
		t.Run(op, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				var log bytes.Buffer
				refusals := &activities.Refusals{}
				runs := r.Runs()
				runs.Logger, runs.Refusals = zerolog.New(&log), refusals
				attempt := func() error {
					if op == "BeginRun" {
						_, err := execute[activities.BeginResult](r, runs.BeginRun, fullRun(r.Ledger.Request(events.Full, "jobs")))
						return err
					}
					_, err := execute[ledger.RunState](r, runs.FinishRun, activities.FinishInput{
						RunNumber: r.run.Number, Outcome: ledger.Finalization{State: ledger.Completed}, Execution: r.in.Execution,
					})
					return err
				}
				require.NoError(t, refusals.Check(t.Context()))
				r.Ledger.Refuse = func(now, _ string) error {
					if now == op {
						return fmt.Errorf("write: %w", refusal{})
					}
					return nil
				}
				for range 3 {
					err := attempt()
					require.Equal(t, "StoreError", failure(t, err).Type())
					require.False(t, failure(t, err).NonRetryable())
					require.ErrorContains(t, refusals.Check(t.Context()), "cannot continue: write: permission denied for table st_customers: grant it")
					delay(time.Hour)
					require.NoError(t, refusals.Check(t.Context()), "another worker may have it, or it ended")
				}
				require.Equal(t, 3, strings.Count(log.String(), `"level":"error"`), log.String())
				require.Contains(t, log.String(), "retrying until the cause is repaired")

				require.Error(t, attempt())
				r.Ledger.Refuse = nil
				require.NoError(t, attempt())
				require.NoError(t, refusals.Check(t.Context()))
			})
		})
	}
}

func TestRunsWaitForAnUnavailableStoreWithoutAlarm(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		var log bytes.Buffer
		refusals := &activities.Refusals{}
		runs := r.Runs()
		runs.Logger, runs.Refusals = zerolog.New(&log), refusals
		r.Ledger.Refuse = func(string, string) error { return errors.New("no connection") }
		_, err := execute[activities.BeginResult](r, runs.BeginRun, fullRun(r.Ledger.Request(events.Full, "jobs")))
		require.Error(t, err)
		require.NoError(t, refusals.Check(t.Context()))
		require.Empty(t, log.String())
	})
}
