package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// refusal is an error of the store that lasts until somebody acts.
type refusal struct{}

func (refusal) Error() string { return "permission denied for table st_customers: grant it" }
func (refusal) Refused() bool { return true }
func (refusal) Type() string  { return "StoreError" }

func TestSliceGivesUpWhatTheStoreRefusesAfterMinutes(t *testing.T) {
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

func TestSliceContinuesWhereTheStoreRefusesNoLonger(t *testing.T) {
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

func TestSliceEndsWhereTheStoreRefusesEverything(t *testing.T) {
	for _, op := range []string{"Run", "StorePage"} { // the one that comes first, and all but the first
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
