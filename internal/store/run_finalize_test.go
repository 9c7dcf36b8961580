package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

var (
	completed = ledger.Finalization{State: ledger.Completed}
	cancelled = ledger.Finalization{State: ledger.Cancelled, Reason: "enough"}
)

// statuses are the results of a run in short.
func statuses(run ledger.Run) map[string]string {
	got := map[string]string{}
	for _, r := range run.Results {
		got[r.Entity] = string(r.Status)
		if r.Error != nil {
			got[r.Entity] += ": " + string(r.Error.Type) + ", " + r.Error.Message
		}
	}
	return got
}

func TestFinalize(t *testing.T) {
	t.Parallel()
	refused := events.RunError{Type: events.PermissionError, Message: "403"}
	terminated := &events.RunError{Type: events.Terminated, Message: "gone"}
	unread := "failed: Terminated, the run ended before the entity was read to its end"
	// In each, customers is read to its end, jobs is begun, invoices failed, estimates never begun.
	tests := map[string]struct {
		entities []string
		decision ledger.Finalization
		state    ledger.RunState
		err      *events.RunError
		results  map[string]string
	}{
		"completed": {
			[]string{"customers"}, completed, ledger.Completed, nil, map[string]string{"customers": "completed"},
		},
		"completed but one failed": {
			[]string{"customers", "invoices"}, completed, ledger.Failed,
			&events.RunError{Type: events.PermissionError, Message: "403", Entity: "invoices"},
			map[string]string{"customers": "completed", "invoices": "failed: PermissionError, 403"},
		},
		"completed but one not read": {
			[]string{"customers", "jobs", "estimates"}, completed, ledger.Failed,
			&events.RunError{Type: events.Terminated, Message: "the run ended before the entity was read to its end", Entity: "jobs"},
			map[string]string{"customers": "completed", "jobs": unread, "estimates": unread},
		},
		"cancelled": {
			[]string{"customers", "jobs", "invoices", "estimates"}, cancelled, ledger.Cancelled, nil,
			map[string]string{"customers": "completed", "jobs": "cancelled", "invoices": "failed: PermissionError, 403", "estimates": "cancelled"},
		},
		"failed": {
			[]string{"customers", "jobs", "invoices", "estimates"}, ledger.Finalization{State: ledger.Failed, Error: terminated}, ledger.Failed, terminated,
			map[string]string{
				"customers": "completed", "jobs": "failed: Terminated, gone", "invoices": "failed: PermissionError, 403",
				"estimates": "failed: Terminated, gone",
			},
		},
		"failed without an error": {
			[]string{"customers", "invoices"}, ledger.Finalization{State: ledger.Failed}, ledger.Failed,
			&events.RunError{Type: events.PermissionError, Message: "403", Entity: "invoices"},
			map[string]string{"customers": "completed", "invoices": "failed: PermissionError, 403"},
		},
		"failed with nothing failed": {
			[]string{"customers"}, ledger.Finalization{State: ledger.Failed}, ledger.Failed,
			&events.RunError{Type: events.Terminated, Message: "the run ended without an error message"},
			map[string]string{"customers": "completed"},
		},
	}
	f := newFixture(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			run := f.beginFull(name, tt.entities...)
			for _, name := range tt.entities {
				e := find(t, name)
				switch name {
				case "customers":
					f.storePage(run, e, f.open(run, e), page(at(0), "1", true, customer(1, at(0), "x")))
				case "jobs":
					f.open(run, e)
				case "invoices":
					require.NoError(t, f.FailEntity(t.Context(), run.Target(e), ledger.Position{}, refused))
				}
			}
			finalized := f.finalize(run, tt.decision)
			require.Equal(t, tt.state, finalized.State)
			require.Equal(t, tt.err, finalized.Error)
			require.Equal(t, tt.decision.Reason, finalized.Reason)
			require.Equal(t, tt.results, statuses(finalized))
			require.False(t, finalized.FinishedAt.IsZero())
			require.Len(t, finalized.Requests, 1)
			require.NotContains(t, get[[]string](f, "select array_agg(sync_status) from raw.sync_state"), "running")
		})
	}
}

func TestFinalizedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.beginFull("r", "customers")
	first := f.finalize(run, ledger.Finalization{State: ledger.Cancelled, Reason: "first \x00"})
	require.Equal(t, "first \uFFFD", first.Reason)
	require.Equal(t, first, f.finalize(run, completed))

	read, err := f.Run(t.Context(), run.Number)
	require.NoError(t, err)
	require.Equal(t, first, read)

	_, err = f.Finalize(t.Context(), ledger.Ref{Number: 99}, completed)
	require.ErrorIs(t, err, ledger.ErrUnknown)
	_, err = f.Finalize(t.Context(), f.beginFull("other", "customers").Ref(), ledger.Finalization{State: "done"})
	require.ErrorContains(t, err, `outcome "done": want completed, failed or cancelled`)
}

func TestConcurrentFinalizeHasOneOutcome(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.beginFull("r", "customers")
	finalized := make(chan ledger.Run, 6)
	for n := range cap(finalized) {
		go func() {
			d, err := f.Finalize(t.Context(), run.Ref(), ledger.Finalization{State: ledger.Cancelled, Reason: fmt.Sprint(n)})
			if err != nil {
				d.Reason = err.Error()
			}
			finalized <- d
		}()
	}
	first := <-finalized
	require.Equal(t, ledger.Cancelled, first.State, first.Reason)
	for range cap(finalized) - 1 {
		require.Equal(t, first, <-finalized)
	}
}

// TestFinalizeIsNotOvertakenByPages finalizes a run while four slices store pages.
func TestFinalizeIsNotOvertakenByPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	names := entity.Names()[:4]
	run := f.beginFull("r", names...)
	started, ended := make(chan struct{}, len(names)), make(chan error, len(names))
	for _, name := range names {
		e := find(t, name)
		p := f.open(run, e)
		go func() {
			var err error
			for n := 0; err == nil; n++ {
				var records []entity.Record
				for id := range 200 {
					records = append(records, customer(n*200+id+1, at(0), "x"))
				}
				if p, err = f.StorePage(t.Context(), run.Target(e), p, page(at(0), "1", false, records...)); n == 3 {
					started <- struct{}{}
				}
			}
			ended <- err
		}()
	}
	for range names {
		<-started
	}
	finalized := f.finalize(run, cancelled)
	for range names {
		require.ErrorIs(t, <-ended, ledger.ErrFinalized)
	}
	// The outcome has exactly what was stored, and nothing was stored after it.
	for _, r := range finalized.Results {
		require.Equal(t, get[int64](f, "select count(*) from raw.st_"+r.Entity), r.Inserted, r.Entity)
	}
}

func TestACancelledPassClaimsQueuedRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.beginIncremental("first", 1, "jobs")
	f.receive(request(events.Incremental, "second", "customers"), request(events.Incremental, "third", "jobs"))
	f.receive(request(events.Full, "full", "customers"))

	finalized := f.finalize(run, ledger.Finalization{State: ledger.Cancelled, ClaimQueued: true})
	require.Equal(t, []string{"customers", "jobs"}, finalized.Entities)
	require.Equal(t, map[string]string{"customers": "cancelled", "jobs": "cancelled"}, statuses(finalized))
	require.Len(t, finalized.Requests, 3)

	_, found, err := f.BeginRun(t.Context(), incremental("exec", 2))
	require.NoError(t, err)
	require.False(t, found)
}

// A cancel ends the waiting requests that were published before it, by the time of their messages.
func TestACancelledPassSparesLaterRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cancelledAt := time.Now()
	place := func(after time.Duration) string {
		return events.Message{Stream: "SYNC_COMMANDS", Sequence: 7, Stored: cancelledAt.Add(after)}.Place()
	}
	earlier, later := request(events.Incremental, "earlier", "customers"), request(events.Incremental, "later", "jobs")
	earlier.Message, later.Message = place(0), place(time.Nanosecond)
	withoutMessage := request(events.Incremental, "without message", "invoices") // recorded after the cancel
	run := f.beginIncremental("first", 1, "estimates")
	f.receive(earlier, later, withoutMessage)

	d := ledger.Finalization{State: ledger.Cancelled, ClaimQueued: true, ClaimUntil: uint64(cancelledAt.UnixNano())}
	require.Equal(t, []string{"customers", "estimates"}, f.finalize(run, d).Entities)
	next := incremental("exec", 2)
	next.ClaimUntil = d.ClaimUntil
	_, found, err := f.BeginRun(t.Context(), next)
	require.NoError(t, err)
	require.False(t, found, "nothing that the cancel ends waits")
	next.ClaimUntil = 0
	run, found, err = f.BeginRun(t.Context(), next)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []string{"jobs", "invoices"}, run.Entities)
}

func TestPublishedOutcomesAreMarked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run, other := f.beginFull("r", "customers"), f.beginFull("other", "jobs")
	require.ErrorContains(t, f.MarkPublished(t.Context(), run.Ref()), "the run has no outcome yet")
	run, other = withoutRequests(f.finalize(run, cancelled)), withoutRequests(f.finalize(other, cancelled))

	waiting, err := f.Unpublished(t.Context())
	require.NoError(t, err)
	require.Equal(t, []ledger.Run{run, other}, waiting)

	require.NoError(t, f.MarkPublished(t.Context(), run.Ref()))
	require.NoError(t, f.MarkPublished(t.Context(), run.Ref()))
	waiting, err = f.Unpublished(t.Context())
	require.NoError(t, err)
	require.Equal(t, []ledger.Run{other}, waiting)
	require.ErrorIs(t, f.MarkPublished(t.Context(), ledger.Ref{Number: 99}), ledger.ErrUnknown)
}

func TestOutcomesThatCannotBePublishedDoNotKeepOthersBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.exec(`insert into raw.sync_runs (run_number, tenant_id, mode, workflow_id, first_run_id, pass, entities, state, finished_at) overriding system value
		select n, 42, 'full', 'w' || n, 'x', 1, '{customers}', 'failed', now() from generate_series(1, 150) as n`)
	for _, want := range [][2]int64{{1, 100}, {101, 150}, {1, 100}} {
		listed, err := f.Unpublished(t.Context())
		require.NoError(t, err)
		require.Len(t, listed, int(want[1]-want[0]+1))
		require.Equal(t, want, [2]int64{listed[0].Number, listed[len(listed)-1].Number})
	}
}

func TestFinalizeUnstarted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	q := request(events.Full, "r", "customers")
	f.receive(q)
	_, err := f.Accept(t.Context(), map[string]string{q.ID: "exec"})
	require.NoError(t, err)
	lost, err := f.AcceptedWithoutRun(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, lost, 1)

	failed := ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.DeadlineExceeded, Message: "late"}}
	run, err := f.FinalizeUnstarted(t.Context(), q.ID, failed)
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, run.State)
	require.Equal(t, "exec", run.FirstRunID)
	require.Equal(t, 1, run.Pass)
	require.Equal(t, map[string]string{"customers": "failed: DeadlineExceeded, late"}, statuses(run))
	again, err := f.FinalizeUnstarted(t.Context(), q.ID, cancelled)
	require.NoError(t, err)
	require.Equal(t, run, again)

	// The workflow is still open: it gets the finalized run.
	late, found, err := f.BeginRun(t.Context(), ledger.BeginInput{
		TenantID: tenant, Mode: events.Full, WorkflowID: q.WorkflowID, FirstRunID: "exec", Pass: 1, RequestID: q.ID,
	})
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, run, late)

	lost, err = f.AcceptedWithoutRun(t.Context(), 0)
	require.NoError(t, err)
	require.Empty(t, lost)
	_, err = f.FinalizeUnstarted(t.Context(), "nobody", failed)
	require.ErrorIs(t, err, ledger.ErrUnknown)
}

// Outcomes without an execution have unique ids, also if a ledger that was restored to an earlier
// state finalizes the same request again.
func TestOutcomesWithoutAnExecutionHaveUniqueIDs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := map[string]bool{}
	requireNew := func(run ledger.Run) {
		t.Helper()
		published, err := run.OutcomeEvents()
		require.NoError(t, err)
		require.False(t, seen[published[0].ID()], "id %s repeats", published[0].ID())
		seen[published[0].ID()] = true
		require.Empty(t, run.TemporalRunID())
	}
	for range 2 {
		withdrawn := request(events.Incremental, "withdrawn", "jobs")
		f.receive(withdrawn)
		run, _, err := f.WithdrawRequest(t.Context(), withdrawn.ID, "")
		require.NoError(t, err)
		requireNew(run)
		for _, id := range []string{"a", "b"} {
			refused := request(events.Full, id, "jobs")
			f.receive(refused)
			run, err := f.FinalizeUnstarted(t.Context(), refused.ID, cancelled)
			require.NoError(t, err)
			requireNew(run)
		}
		f.exec("truncate raw.sync_runs restart identity cascade")
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	old, unpublished := f.beginFull("old", "customers"), f.beginFull("unpublished", "jobs")
	p := page(at(0), "1", true, customer(1, at(0), "x"))
	p.Rejected = []entity.Rejected{{Reason: "no id"}}
	f.storePage(old, c, f.open(old, c), p)
	f.finalize(old, completed)
	f.finalize(unpublished, cancelled)
	require.NoError(t, f.MarkPublished(t.Context(), old.Ref()))
	running := f.beginFull("running", "invoices")
	for _, id := range []string{"settled", "pending"} {
		_, _, err := f.RecordControl(t.Context(), control(id, 1))
		require.NoError(t, err)
	}
	_, err := f.SettleControl(t.Context(), ledger.Control{ID: "settled", State: ledger.ControlApplied})
	require.NoError(t, err)

	deleted, err := f.Prune(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Zero(t, deleted)
	deleted, err = f.Prune(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, int64(3), deleted, "a run, a control and a rejected record")

	_, err = f.Run(t.Context(), old.Number)
	require.ErrorIs(t, err, ledger.ErrUnknown)
	_, err = f.Request(t.Context(), old.Requests[0].ID)
	require.ErrorIs(t, err, ledger.ErrUnknown)
	for _, kept := range []ledger.Run{unpublished, running} {
		run, err := f.Run(t.Context(), kept.Number)
		require.NoError(t, err)
		require.Len(t, run.Requests, 1)
	}
	pending, err := f.PendingControls(t.Context())
	require.NoError(t, err)
	require.Len(t, pending, 1)
	require.Equal(t, int64(1), get[int64](f, "select count(*) from raw.st_customers"), "the copy is not the ledger")
}
