package activities_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
)

// missing are ids that a read does not find.
func missing(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(1000+i))
	}
	return ids
}

func TestSliceLooksUpMissingRows(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.Ledger.Misses = map[string][]string{"customers": missing(70)}
		r.API.Found = []string{"1003"}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
		require.Equal(t, [][]string{missing(70)[:50], missing(70)[50:]}, r.API.LookedUp())
		require.Equal(t, 31, r.Ledger.Rows("customers"))
		require.EqualValues(t, 69, position(r).Deleted)
		require.EqualValues(t, 3, position(r).Pages, "of the listing")
	})
}

// An interrupted lookup resumes where it stopped: no id is requested twice.
func TestSliceResumesAnInterruptedLookup(t *testing.T) {
	for name, disturb := range map[string]func(r *rig) (repair func()){
		"after an outage": func(r *rig) func() {
			r.API.LookupError = errors.New("connection refused")
			return func() { r.API.LookupError = nil }
		},
		"after PostgreSQL refused": func(r *rig) func() {
			r.Ledger.Refuse = func(op, _ string) error {
				if op == "StoreLookup" {
					return errors.New("no connection")
				}
				return nil
			}
			return func() { r.Ledger.Refuse = nil }
		},
		"after a pause": func(r *rig) func() {
			r.Ledger.Refuse = func(op, _ string) error {
				if op == "StoreLookup" {
					r.pause()
				}
				return nil
			}
			return func() { r.Ledger.Refuse = nil; r.ctx, r.pause = context.WithCancel(context.Background()) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.Ledger.Misses = map[string][]string{"customers": missing(70)}
				repair := disturb(r)
				result, err := r.slice()
				require.True(t, err != nil || result.Phase == events.PhaseSweeping)
				require.Equal(t, events.PhaseSweeping, position(r).Phase)
				repair()
				result, err = r.slice()
				require.NoError(t, err)
				require.Equal(t, events.StatusCompleted, result.Status)
				require.Len(t, r.API.RequestedPages("customers"), 3)
				require.EqualValues(t, 70, position(r).Deleted)
			})
		})
	}
}

func TestSliceFailsAnEntityWhoseListIgnoresIDs(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.Ledger.Misses = map[string][]string{"customers": missing(1)}
		r.API.LookupError = &activitytest.APIError{Message: "the list ignores ids", IsPermanent: true}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusFailed, result.Status)
		require.Equal(t, "the list ignores ids", position(r).Error.Message)
	})
}

func TestSlicePublishesEachPhaseOfARebuild(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.begin(t, events.Rebuild)
		r.Ledger.Misses = map[string][]string{"customers": missing(1)}
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "StoreLookup" || op == "CheckRebuild" || op == "ApplyRebuild" {
				delay(1500 * time.Millisecond)
			}
			return nil
		}
		r.API.Latency = 2 * time.Second
		r.slices.Length = time.Minute
		r.slicesToTheEnd(t)
		within(2 * time.Second)
		var phases []events.Phase
		for _, p := range r.Events.Progress("customers") {
			if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
				phases = append(phases, p.Phase)
			}
		}
		require.Equal(t, []events.Phase{"queued", "reading", "sweeping", "checking", "applying", "done"}, phases)
	})
}

// The second look of a verify continues an export feed, and looks up where the list takes ids.
func TestSliceOfAVerifyLooksTwice(t *testing.T) {
	for name, c := range map[string]struct {
		misses  []string
		phases  []events.Phase
		pages   int
		lookups int
	}{
		"customers":   {missing(1), []events.Phase{"reading", "comparing", "sweeping", "checking", "done"}, 4, 0},
		"campaigns":   {missing(70), []events.Phase{"reading", "comparing", "sweeping", "sweeping", "checking", "done"}, 3, 2},
		"gl_accounts": {nil, []events.Phase{"reading", "comparing", "checking", "done"}, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.serve(t, events.Verify, r.Ledger.Request(events.Verify, name))
				r.in.Entity = name
				r.Ledger.Misses = map[string][]string{name: c.misses}
				r.slices.Length = 0 // each slice takes one step
				r.Ledger.Refuse = func(string, string) error { delay(time.Millisecond); return nil }
				phases := []events.Phase{"reading"}
				for result := (activities.SliceResult{}); result.Status == ""; {
					var err error
					result, err = r.slice()
					require.NoError(t, err)
					if result.Phase != "reading" {
						phases = append(phases, result.Phase)
					}
				}
				require.Equal(t, c.phases, phases)
				require.Len(t, r.API.RequestedPages(name), c.pages)
				require.Len(t, r.API.LookedUp(), c.lookups)
				p := r.Ledger.Position(r.run.Number, name)
				require.EqualValues(t, len(c.misses), p.Differences.Extra)
				require.Zero(t, p.Inserted+p.Deleted)
				require.Zero(t, r.Ledger.Rows(name))
			})
		})
	}
}

func TestSliceRollsBackAnInterruptedComparison(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.begin(t, events.Verify)
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "CompareStaged" {
				r.pause()
				return fmt.Errorf("compare: %w", context.Canceled)
			}
			return nil
		}
		result, err := r.slice()
		require.NoError(t, err, "it is no failure")
		require.Equal(t, events.PhaseComparing, result.Phase)
	})
}

func TestRebuildSkipsTheCountOnlyIfItIsForbidden(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status events.Status
	}{
		"forbidden": {&activitytest.APIError{Message: "403", ErrorType: "PermissionError", IsPermanent: true}, events.StatusCompleted},
		"an outage": {errors.New("connection refused"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.begin(t, events.Rebuild)
				r.API.CountError = c.err
				result, err := r.slice()
				require.Equal(t, c.status, result.Status)
				require.Equal(t, c.status == "", err != nil)
				require.NotEqual(t, events.StatusFailed, position(r).Status)
			})
		})
	}
}

// The user may lack the privilege to create a staging table; a retry would not help.
func TestSliceFailsWithoutRetryIfOpeningIsForbidden(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.begin(t, events.Rebuild)
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "Open" {
				return &activitytest.APIError{Message: "grant create", ErrorType: "StoreError", IsPermanent: true}
			}
			return nil
		}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusFailed, result.Status)
		require.Equal(t, events.StoreError, position(r).Error.Type)
		require.Empty(t, r.API.RequestedPages("customers"))
	})
}

func TestSliceRollsBackAnInterruptedApply(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.begin(t, events.Rebuild)
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "ApplyRebuild" {
				r.pause()
				return fmt.Errorf("apply: %w", context.Canceled)
			}
			return nil
		}
		result, err := r.slice()
		require.NoError(t, err, "it is no failure")
		require.Equal(t, events.PhaseApplying, result.Phase)
		require.Zero(t, r.Ledger.Rows("customers"))
	})
}
