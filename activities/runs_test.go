package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func (r *rig) beginRun(in ledger.BeginInput) (activities.BeginResult, error) {
	return execute[activities.BeginResult](r, r.Runs().BeginRun, in)
}

func (r *rig) finishRun(d ledger.Finalization) (ledger.RunState, error) {
	return execute[ledger.RunState](r, r.Runs().FinishRun, activities.FinishInput{RunNumber: r.run.Number, Outcome: d, Execution: r.in.Execution})
}

func fullRun(request ledger.Request) ledger.BeginInput {
	return ledger.BeginInput{
		TenantID: activitytest.Tenant, Mode: request.Mode, WorkflowID: "full-sync-" + request.ID, FirstRunID: "first", Pass: 1, RequestID: request.ID,
	}
}

func TestBeginRunIsIdempotent(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		request := r.Ledger.Request(events.Full, "jobs", "customers")
		begun, err := r.beginRun(fullRun(request))
		require.NoError(t, err)
		require.Equal(t, activities.BeginResult{Found: true, RunNumber: 2, Entities: []string{"jobs", "customers"}, State: ledger.Running,
			Execution: ledger.Execution{WorkflowID: "full-sync-" + request.ID, FirstRunID: "first", Pass: 1}}, begun)
		again, err := r.beginRun(fullRun(request))
		require.NoError(t, err)
		require.Equal(t, begun, again)

		published := r.Events.Published()
		require.Len(t, published, 1, "the stream knows the id of the second one")
		require.Equal(t, events.Started.Name, published[0].Type())
		require.Equal(t, "first/1/"+events.Started.Name, published[0].ID())
		data, err := events.Started.Data(published[0].Event)
		require.NoError(t, err)
		require.Equal(t, request.ID, data.Requests[0].RequestID)
	})
}

func TestBeginRunIsRetriedUntilItsEventIsPublished(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		request := r.Ledger.Request(events.Full, "jobs")
		r.Events.Refuse = func(context.Context, events.Event) error { return errors.New("no servers available") }
		_, err := r.beginRun(fullRun(request))
		require.ErrorContains(t, err, "no servers available")
		require.False(t, failure(t, err).NonRetryable())
		r.Events.Refuse = nil
		begun, err := r.beginRun(fullRun(request))
		require.NoError(t, err)
		require.EqualValues(t, 2, begun.RunNumber)
		require.Equal(t, []string{"sync.started"}, r.Events.Subjects())
	})
}

func TestBeginRunOfAnUnknownRequestIsNotRetried(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		_, err := r.beginRun(ledger.BeginInput{TenantID: activitytest.Tenant, Mode: events.Full, WorkflowID: "by-hand", Pass: 1, RequestID: "nobody"})
		require.True(t, failure(t, err).NonRetryable())
		require.Equal(t, "ValidationError", failure(t, err).Type())
		require.ErrorContains(t, err, `request "nobody" is not in the ledger: publish sync.requested`)
	})
}

func TestBeginRunRetriesTransientStoreErrors(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.Ledger.Refuse = func(string, string) error { return errors.New("no connection") }
		_, err := r.beginRun(ledger.BeginInput{Mode: events.Incremental})
		require.Equal(t, "StoreError", failure(t, err).Type())
		require.False(t, failure(t, err).NonRetryable())
	})
}

func TestBeginRunWithoutQueuedRequests(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		begun, err := r.beginRun(ledger.BeginInput{TenantID: activitytest.Tenant, Mode: events.Incremental, WorkflowID: "incremental", Pass: 1})
		require.NoError(t, err)
		require.Equal(t, activities.BeginResult{}, begun)
		require.Empty(t, r.Events.Published())
	})
}

func TestBeginRunOfAFinalizedRunPublishesNothing(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		_, err := r.Ledger.Finalize(t.Context(), r.run.Ref(), ledger.Finalization{State: ledger.Cancelled})
		require.NoError(t, err)
		begun, err := r.beginRun(ledger.BeginInput{Mode: events.Full, WorkflowID: r.run.WorkflowID, FirstRunID: "first", Pass: 1})
		require.NoError(t, err)
		require.Equal(t, ledger.Cancelled, begun.State)
		require.Empty(t, r.Events.Published())
	})
}

func TestFinishRunIsIdempotent(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		_, err := r.slice()
		require.NoError(t, err)
		for range 2 {
			state, err := r.finishRun(ledger.Finalization{State: ledger.Completed})
			require.NoError(t, err)
			require.Equal(t, ledger.Completed, state)
		}
		require.Equal(t, []string{"sync.completed"}, r.Events.Subjects())
		require.True(t, r.Ledger.Runs()[0].Published)
		outcome := r.Events.Outcomes()[0]
		require.Equal(t, []string{"#sync"}, outcome.Notify)
		require.Equal(t, []events.Result{{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Pages: 3, Fetched: 30, Inserted: 30}}}, outcome.Results)
	})
}

func TestFinishRunReturnsTheFirstOutcome(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		_, err := r.Ledger.Finalize(t.Context(), r.run.Ref(), ledger.Finalization{State: ledger.Cancelled, Reason: "first"})
		require.NoError(t, err)
		state, err := r.finishRun(ledger.Finalization{State: ledger.Completed})
		require.NoError(t, err)
		require.Equal(t, ledger.Cancelled, state)
		require.Equal(t, "first", r.Events.Outcomes()[0].Reason)
	})
}

// Every retry publishes the same outcome.
func TestFinishRunIsRetriedUntilItsEventIsPublished(t *testing.T) {
	for name, spoil := range map[string]func(r *rig){
		"the stream is down": func(r *rig) {
			r.Events.Refuse = func(context.Context, events.Event) error { return errors.New("down") }
		},
		"the ledger is down":               func(r *rig) { refuse(r, "Finalize") },
		"the ledger is down after telling": func(r *rig) { refuse(r, "MarkPublished") },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				spoil(r)
				_, err := r.finishRun(ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.APIError, Message: "gone"}})
				require.False(t, failure(t, err).NonRetryable())
				require.False(t, r.Ledger.Runs()[0].Published)

				r.Events.Refuse, r.Ledger.Refuse = nil, nil
				state, err := r.finishRun(ledger.Finalization{State: ledger.Completed})
				require.NoError(t, err)
				require.True(t, r.Ledger.Runs()[0].Published)
				ids := map[string]bool{}
				for _, e := range r.Events.Published() {
					ids[e.ID()] = true
				}
				require.Len(t, ids, 1)
				if name != "the ledger is down" {
					require.Equal(t, ledger.Failed, state, "the first decision stands")
				}
			})
		})
	}
}

func refuse(r *rig, op string) {
	r.Ledger.Refuse = func(now, _ string) error {
		if now == op {
			return errors.New("no connection")
		}
		return nil
	}
}

func TestFinishRunSplitsAnOutcomeOfManyRequests(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		for range 1200 {
			r.Ledger.Request(events.Incremental, "customers")
		}
		r.begin(t, events.Incremental)
		_, err := r.finishRun(ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.APIError, Message: "gone"}})
		require.NoError(t, err)
		named, published := map[string]bool{}, 0
		for i, part := range r.Events.Outcomes() {
			require.Equal(t, i+1, part.Part)
			require.Equal(t, 3, part.Parts)
			for _, request := range part.Requests {
				named[request.RequestID] = true
			}
			published += len(part.Notify)
		}
		require.Len(t, named, 1201)
		require.Equal(t, 1, published, "people hear of it once")
	})
}

func TestAnnounceControl(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		paused bool
		typ    events.Type[events.ControlledData]
	}{
		"pause":  {true, events.Paused},
		"resume": {false, events.Resumed},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				in := activities.AnnounceInput{RunNumber: 1, Paused: c.paused, Ordinal: 7, At: at, Reason: "lunch", Actor: "ann", Execution: r.in.Execution}
				_, err := execute[any](r, r.Runs().AnnounceControl, in)
				require.NoError(t, err)
				published := r.Events.Published()
				require.Len(t, published, 1)
				require.Equal(t, "first/1/"+c.typ.Name+"/7", published[0].ID())
				require.Equal(t, at, published[0].Time())
				data, err := c.typ.Data(published[0].Event)
				require.NoError(t, err)
				require.Equal(t, "lunch", data.Reason)
				require.Equal(t, "ann", data.Actor)
			})
		})
	}
}

// The workflow of a run may learn late that the run has its outcome.
func TestAnnounceControlIgnoresAFinishedRun(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		_, err := r.Ledger.Finalize(t.Context(), r.run.Ref(), ledger.Finalization{State: ledger.Cancelled})
		require.NoError(t, err)
		_, err = execute[any](r, r.Runs().AnnounceControl, activities.AnnounceInput{RunNumber: 1, Paused: true, Ordinal: 1, Execution: r.in.Execution})
		require.NoError(t, err)
		require.Empty(t, r.Events.Published())
	})
}

func TestAnnounceControlIsRetried(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		refuse(r, "RecordPause")
		_, err := execute[any](r, r.Runs().AnnounceControl, activities.AnnounceInput{RunNumber: 1, Ordinal: 1, Execution: r.in.Execution})
		require.Equal(t, "StoreError", failure(t, err).Type())
		require.False(t, failure(t, err).NonRetryable())
	})
}
