package activities_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// The ledger was restored to an earlier state: it does not have the run, or uses its number for
// another one. A running activity writes nothing, and is not retried.
func TestActivitiesWriteNothingForAnUnknownRun(t *testing.T) {
	for name, restore := range map[string]func(t *testing.T, r *rig) ledger.Execution{
		"the run is unknown": func(_ *testing.T, r *rig) ledger.Execution {
			r.Ledger.Forget()
			return r.in.Execution
		},
		"the number is that of another workflow": func(t *testing.T, r *rig) ledger.Execution {
			was := r.in
			r.Ledger.Forget()
			r.Ledger.Request(events.Full, "customers") // or the workflow ID would be the same
			r.begin(t, events.Full)
			require.Equal(t, was.RunNumber, r.in.RunNumber)
			return was.Execution
		},
		"the number is that of another execution": func(_ *testing.T, r *rig) ledger.Execution {
			e := r.in.Execution
			e.FirstRunID = "another"
			return e
		},
		"the number is that of another pass": func(_ *testing.T, r *rig) ledger.Execution {
			e := r.in.Execution
			e.Pass = 7
			return e
		},
		"an earlier version gave no execution": func(*testing.T, *rig) ledger.Execution { return ledger.Execution{} },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.in.Execution = restore(t, r)
				requireUnknown := func(err error) {
					t.Helper()
					require.Equal(t, activities.TypeUnknownRun, failure(t, err).Type())
					require.True(t, failure(t, err).NonRetryable())
				}
				_, err := r.slice()
				requireUnknown(err)
				_, err = execute[ledger.RunState](r, r.Runs().FinishRun, activities.FinishInput{
					RunNumber: r.in.RunNumber, Outcome: ledger.Finalization{State: ledger.Completed}, Execution: r.in.Execution,
				})
				requireUnknown(err)
				_, err = execute[any](r, r.Runs().AnnounceControl, activities.AnnounceInput{RunNumber: r.in.RunNumber, Ordinal: 1, Execution: r.in.Execution})
				requireUnknown(err)
				require.Empty(t, r.API.PageRequests(""), "nothing is read")
				require.Empty(t, r.Events.Published(), "nothing is published")
				for _, run := range r.Ledger.Runs() {
					require.Equal(t, ledger.Running, run.State)
				}
			})
		})
	}
}

// The ledger is restored while a page is read: the page is not stored.
func TestSliceStoresNoPageAfterARestoreWithoutItsRun(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		var other ledger.Run
		r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
			if a.Page == 2 {
				r.Ledger.Forget()
				request := r.Ledger.Request(events.Full, "customers")
				var err error
				other, _, err = r.Ledger.BeginRun(t.Context(), ledger.BeginInput{
					TenantID: activitytest.Tenant, Mode: events.Full, WorkflowID: "another", FirstRunID: "other", Pass: 1, RequestID: request.ID,
				})
				require.NoError(t, err)
			}
			return nil
		}
		_, err := r.slice()
		require.Equal(t, activities.TypeUnknownRun, failure(t, err).Type())
		require.Equal(t, r.in.RunNumber, other.Number)
		require.Zero(t, r.Ledger.Position(other.Number, "customers").Pages)
	})
}

// The ledger is restored while the bridge and the worker run: the next run begins above the
// numbers of the event stream, before the reconciler looks.
func TestRunNumbersExceedThoseOfTheEventStream(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		request := r.Ledger.Request(events.Full, "jobs")
		runs := r.Runs()
		runs.History = history{last: 41}
		in := ledger.BeginInput{Mode: events.Full, TenantID: activitytest.Tenant, WorkflowID: "full-sync-2", FirstRunID: "second", RequestID: request.ID}
		begun, err := execute[activities.BeginResult](r, runs.BeginRun, in)
		require.NoError(t, err)
		require.Greater(t, begun.RunNumber, int64(41))

		runs.History = history{err: errors.New("no server")}
		_, err = execute[activities.BeginResult](r, runs.BeginRun, in)
		require.Equal(t, string(events.StoreError), failure(t, err).Type())
		require.False(t, failure(t, err).NonRetryable(), "the run waits for the event stream")
	})
}

type history struct {
	last int64
	err  error
}

func (h history) LastRunNumber(context.Context) (int64, error) { return h.last, h.err }
