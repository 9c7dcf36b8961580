package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

func TestFullSyncReadsEveryPageOfEveryEntity(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"customers": 7, "invoices": 1}
	result, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, workflows.Result{RunNumber: 1, State: ledger.Completed}, result)
	r.requireEachPageOnce(t, all...)
	require.Equal(t, []string{"sync.started", "sync.completed"}, r.Events.Subjects())
	outcome := r.outcome(t)
	require.Len(t, outcome.Results, 4)
	require.Equal(t, events.Result{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Pages: 7, Fetched: 70, Inserted: 70}}, outcome.Results[0])
}

func TestFullSyncReadsSeveralEntitiesConcurrently(t *testing.T) {
	t.Parallel()
	for _, parallel := range []int{0, 1, 2, 3, 4, 9} {
		t.Run(fmt.Sprint(parallel), func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.limits.Parallel = parallel
				r.API.Latency = time.Second
				_, err := r.full(all...)
				require.NoError(t, err)
				require.Equal(t, min(4, max(1, parallel)), r.API.AtOnce(""))
				for _, name := range all {
					require.Equal(t, 1, r.API.AtOnce(name))
				}
				r.requireEachPageOnce(t, all...)
			})
		})
	}
}

func TestFullSyncContinuesAfterAnEntityFails(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
		if a.Entity == "jobs" && a.Page == 2 {
			return &activitytest.APIError{Message: "403: scope missing", ErrorType: "PermissionError", IsPermanent: true}
		}
		return nil
	}
	result, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, result.State)
	outcome := r.outcome(t)
	require.Equal(t, map[string]events.Status{
		"customers": events.StatusCompleted, "jobs": events.StatusFailed,
		"invoices": events.StatusCompleted, "estimates": events.StatusCompleted,
	}, statuses(outcome))
	require.Equal(t, &events.RunError{Type: events.PermissionError, Message: "403: scope missing", Entity: "jobs"}, outcome.Error)
	r.requireEachPageOnce(t, "customers", "invoices", "estimates")
}

func TestFullSyncFailsAnUnknownEntity(t *testing.T) {
	t.Parallel()
	r := newRig()
	result, err := r.full("customers", "dragons")
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, result.State)
	outcome := r.outcome(t)
	require.Equal(t, events.ValidationError, outcome.Error.Type)
	require.Equal(t, "dragons", outcome.Error.Entity)
	require.Equal(t, events.StatusCompleted, statuses(outcome)["customers"])
}

func TestFullSyncWaitsForRetryAfter(t *testing.T) {
	t.Parallel()
	r := newRig()
	var limited atomic.Bool
	r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
		if a.Page == 2 && !limited.Swap(true) {
			return &activitytest.APIError{Message: "429", Delay: 37 * time.Second}
		}
		return nil
	}
	result, err := r.full("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	require.Equal(t, 37*time.Second, r.elapsed)
	require.Equal(t, []int{1, 2, 2, 3}, r.API.RequestedPages("customers"))
}

func TestFullSyncOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	r := newRig()
	var tries atomic.Int64
	r.API.Answer = func(context.Context, activitytest.PageRequest) error {
		if tries.Add(1) <= 7 {
			return errors.New("connection refused")
		}
		return nil
	}
	result, err := r.full("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	require.Equal(t, (1+2+4+8+16+32+60)*time.Second, r.elapsed, "doubling, up to a minute")
}

func TestFullSyncRetriesUntilItsDeadline(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.Deadline = 3 * time.Minute
	r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
		if a.Entity == "jobs" {
			return errors.New("connection refused")
		}
		return nil
	}
	result, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, result.State)
	require.Equal(t, 3*time.Minute, r.elapsed)
	outcome := r.outcome(t)
	require.Equal(t, events.DeadlineExceeded, outcome.Error.Type)
	require.Contains(t, outcome.Error.Message, "3m0s")
	require.Equal(t, events.StatusFailed, statuses(outcome)["jobs"])
	require.Equal(t, events.StatusCompleted, statuses(outcome)["customers"])
}

func TestFullSyncWaitsWhileAnotherRunReadsTheEntity(t *testing.T) {
	t.Parallel()
	r := newRig()
	other := r.hold(t, "jobs")
	r.prepare = func(int) {
		r.after(20*time.Minute, func() {
			p := r.progress(t)
			require.Equal(t, events.WaitBusy, p.Entities[1].Waiting.Why)
			require.Equal(t, events.StatusCompleted, p.Entities[0].Status, "the other entities are read")
			require.Empty(t, r.API.PageRequests("jobs"))
			_, err := r.Ledger.Finalize(t.Context(), ledger.Ref{Number: other}, ledger.Finalization{State: ledger.Cancelled})
			require.NoError(t, err)
		})
	}
	result, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	require.Less(t, r.elapsed, 21*time.Minute, "it looks every half minute at least")
	r.requireEachPageOnce(t, all...)
}

func TestFullSyncWaitsForABusyEntityUntilItsDeadline(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.hold(t, "jobs")
	r.limits.Deadline = time.Hour
	result, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, result.State)
	require.Equal(t, events.DeadlineExceeded, r.outcome(t).Error.Type)
	require.Equal(t, time.Hour, r.elapsed)
}

// hold begins another run that reads an entity and makes no progress.
func (r *rig) hold(t *testing.T, name string) int64 {
	t.Helper()
	request := r.Ledger.Request(events.Full, name)
	run, _, err := r.Ledger.BeginRun(t.Context(), ledger.BeginInput{TenantID: activitytest.Tenant, Mode: events.Full, WorkflowID: "other", RequestID: request.ID})
	require.NoError(t, err)
	e, _ := entity.Find(name)
	_, err = r.Ledger.Open(t.Context(), run.Target(e))
	require.NoError(t, err)
	return run.Number
}

func TestFullSyncsShareTheSlotsOfAWorker(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.slices.Full = make(chan struct{}, 1)
	result, err := r.full(all...)
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	require.Equal(t, 1, r.API.AtOnce(""))
	r.requireEachPageOnce(t, all...)
}

func TestFullSyncEndsIfItsRunIsFinalizedElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.API.Pages = map[string]int{"jobs": 50}
	r.at("jobs", 2, func() {
		_, err := r.Ledger.Finalize(t.Context(), ledger.Ref{Number: 1}, ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.Terminated, Message: "gone"}})
		require.NoError(t, err)
	})
	result, err := r.full("jobs")
	require.NoError(t, err)
	require.Equal(t, workflows.Result{RunNumber: 1, State: ledger.Failed}, result)
	require.Equal(t, []int{1, 2}, r.API.RequestedPages("jobs"))
	require.Equal(t, 10, r.Ledger.Rows("jobs"), "nothing is written after the outcome")
	require.Equal(t, events.Terminated, r.outcome(t).Error.Type)
}

func TestFullSyncReadsNothingIfItsRunWasFinalizedBefore(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Refuse = func(op, _ string) error {
		if op == "Run" || op == "RunHeader" || op == "Open" {
			return errors.New("nobody should look")
		}
		return nil
	}
	request := r.Ledger.Request(events.Full, all...)
	_, _, err := r.Ledger.BeginRun(t.Context(), ledger.BeginInput{
		TenantID: activitytest.Tenant, Mode: events.Full, WorkflowID: workflows.FullSyncID(request.ID), Pass: 1, RequestID: request.ID,
	})
	require.NoError(t, err)
	_, err = r.Ledger.Finalize(t.Context(), ledger.Ref{Number: 1}, ledger.Finalization{State: ledger.Cancelled, Reason: "withdrawn"})
	require.NoError(t, err)
	result, err := r.fullOf(request)
	require.NoError(t, err)
	require.Equal(t, ledger.Cancelled, result.State)
	require.Equal(t, "withdrawn", r.outcome(t).Reason)
	require.Zero(t, r.countPageRequests())
}

func TestFullSyncWithoutARequestFails(t *testing.T) {
	t.Parallel()
	r := newRig()
	_, err := r.fullOf(ledger.Request{ID: "nobody"})
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, "ValidationError", app.Type())
	require.Equal(t, 1, r.Ledger.Looks(), "it is not tried again")
	require.Empty(t, r.Events.Published())
}

// The short steps are retried: a run is not over until its outcome is published.
func TestFullSyncRetriesLedgerAndStreamErrors(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(r *rig, fails func() bool){
		"no stream": func(r *rig, fails func() bool) {
			r.Events.Refuse = func(_ context.Context, e events.Event) error {
				if e.Type() != events.Progress.Name && fails() {
					return errors.New("no servers available")
				}
				return nil
			}
		},
		"no ledger at the begin": func(r *rig, fails func() bool) { refuse(r, "BeginRun", fails) },
		"no ledger in between":   func(r *rig, fails func() bool) { refuse(r, "StorePage", fails) },
		"no ledger at the end":   func(r *rig, fails func() bool) { refuse(r, "MarkPublished", fails) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig()
			var tries atomic.Int64
			spoil(r, func() bool { return tries.Add(1) <= 4 })
			result, err := r.full("customers")
			require.NoError(t, err)
			require.Equal(t, ledger.Completed, result.State)
			require.Positive(t, r.elapsed)
			require.Len(t, r.Ledger.Runs(), 1)
			ids := map[string]bool{}
			for _, e := range r.Events.Published() {
				ids[e.ID()] = true
			}
			require.Len(t, ids, 2, "one start and one outcome, published again with the same ids")
			require.Equal(t, 30, r.Ledger.Rows("customers"))
		})
	}
}

func refuse(r *rig, op string, fails func() bool) {
	r.Ledger.Refuse = func(now, _ string) error {
		if now == op && fails() {
			return errors.New("no connection")
		}
		return nil
	}
}
