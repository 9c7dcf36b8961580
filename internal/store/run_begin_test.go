package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestBeginFull(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	q := request(events.Full, "a", "jobs", "customers")
	q.AllowDeletes = true
	begin := ledger.BeginInput{TenantID: tenant, Mode: events.Full, WorkflowID: q.WorkflowID, FirstRunID: "exec", Pass: 1, RequestID: q.ID}
	_, _, err := f.BeginRun(t.Context(), begin)
	require.ErrorIs(t, err, ledger.ErrUnknown)

	f.receive(q)
	run, found, err := f.BeginRun(t.Context(), begin)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, ledger.Running, run.State)
	require.Equal(t, []string{"jobs", "customers"}, run.Entities)
	require.True(t, run.AllowDeletes)
	require.Len(t, run.Requests, 1)
	require.Equal(t, q.ID, run.Requests[0].ID)
	require.Len(t, run.Results, 2)

	again, found, err := f.BeginRun(t.Context(), begin)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, run, again)
}

func TestBeginConcurrently(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.receive(request(events.Incremental, "a", "jobs"))
	q := request(events.Full, "b", "jobs")
	f.receive(q)
	full := ledger.BeginInput{TenantID: tenant, Mode: events.Full, WorkflowID: q.WorkflowID, FirstRunID: "exec", Pass: 1, RequestID: q.ID}
	for _, begin := range []ledger.BeginInput{full, incremental("exec", 1)} {
		numbers := make(chan int64, 6)
		var all sync.WaitGroup
		for range cap(numbers) {
			all.Go(func() {
				if run, found, err := f.BeginRun(t.Context(), begin); err == nil && found {
					numbers <- run.Number
				}
			})
		}
		all.Wait()
		require.Len(t, numbers, cap(numbers))
		first := <-numbers
		for range cap(numbers) - 1 {
			require.Equal(t, first, <-numbers)
		}
	}
}

// A pass that may wait begins the minimum interval after the last one of its tenant, whichever
// execution of the workflow that was.
func TestPassWaitsForTheMinimumInterval(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	may := func(execution string, pass int, interval time.Duration) ledger.BeginInput {
		in := incremental(execution, pass)
		in.MayWait, in.MinInterval = true, interval
		return in
	}
	f.receive(request(events.Incremental, "a", "jobs"))
	first, found, err := f.BeginRun(t.Context(), may("exec", 1, time.Hour))
	require.NoError(t, err)
	require.True(t, found, "the first pass has none before it")
	f.finalize(first, completed)

	_, found, err = f.BeginRun(t.Context(), may("exec", 2, time.Hour))
	require.NoError(t, err)
	require.False(t, found, "no request waits")

	f.receive(request(events.Incremental, "b", "jobs"), request(events.Incremental, "c", "customers"))
	for _, begin := range []ledger.BeginInput{may("exec", 2, time.Hour), may("another", 1, time.Hour)} {
		_, found, err = f.BeginRun(t.Context(), begin)
		var early *ledger.NotDueError
		require.ErrorAs(t, err, &early)
		require.False(t, found)
		require.InDelta(t, time.Hour, early.Wait, float64(time.Minute))
	}
	require.True(t, get[bool](f, "select next_pass_at = started_at + interval '1 hour' from raw.sync_runs where run_number = $1", first.Number))
	require.EqualValues(t, 1, get[int64](f, "select count(*) from raw.sync_runs"), "nothing began")

	withdrawn := request(events.Incremental, "withdrawn", "jobs")
	f.receive(withdrawn)
	_, _, err = f.WithdrawRequest(t.Context(), withdrawn.ID, "by mistake")
	require.NoError(t, err)
	_, _, err = f.BeginRun(t.Context(), may("another", 1, time.Minute))
	require.Error(t, err)
	require.True(t, get[bool](f, "select next_pass_at = started_at + interval '1 minute' from raw.sync_runs where run_number = $1", first.Number),
		"a withdrawal is no pass")

	run, found, err := f.BeginRun(t.Context(), may("another", 1, time.Millisecond))
	require.NoError(t, err)
	require.True(t, found, "the last pass began longer ago")
	require.Len(t, run.Requests, 2)
	f.finalize(run, completed)

	f.receive(request(events.Incremental, "d", "jobs"))
	ended := may("another", 2, time.Hour)
	ended.MayWait = false
	_, found, err = f.BeginRun(t.Context(), ended)
	require.NoError(t, err)
	require.True(t, found)
}

func TestRequestsAreCoalesced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, found, err := f.BeginRun(t.Context(), incremental("exec", 1))
	require.NoError(t, err)
	require.False(t, found)
	require.Zero(t, get[int64](f, "select count(*) from raw.sync_runs"))

	other := request(events.Incremental, "other tenant", "jobs")
	other.TenantID = "43"
	f.receive(
		request(events.Incremental, "a", "jobs"), request(events.Incremental, "b", "estimates", "customers", "jobs"),
		request(events.Full, "full", "invoices"), other)
	run, found, err := f.BeginRun(t.Context(), incremental("exec", 1))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []string{"customers", "jobs", "estimates"}, run.Entities)
	require.Len(t, run.Requests, 2)

	f.receive(request(events.Incremental, "c", "invoices"))
	next, found, err := f.BeginRun(t.Context(), incremental("exec", 2))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []string{"invoices"}, next.Entities)
	require.Len(t, next.Requests, 1)
	require.NotEqual(t, run.Number, next.Number)
}

// TestEveryRequestIsClaimedOnce receives and withdraws requests while passes claim them, each of
// which is begun twice.
func TestEveryRequestIsClaimedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const requests = 300
	var senders, claimers sync.WaitGroup
	errs := make(chan error)
	for n := range 3 {
		senders.Go(func() {
			for i := n; i < requests; i += 3 {
				q := request(events.Incremental, fmt.Sprint(i), "jobs")
				_, err := f.Receive(t.Context(), []ledger.Request{q})
				errs <- err
				if i%10 == 0 {
					if _, _, err := f.WithdrawRequest(t.Context(), q.ID, ""); !errors.Is(err, ledger.ErrFinalized) {
						errs <- err
					}
				}
			}
		})
	}
	done := make(chan struct{})
	for range 2 {
		claimers.Go(func() {
			for pass, last := 1, false; ; {
				run, found, err := f.BeginRun(t.Context(), incremental("exec", pass))
				errs <- err
				if found && err == nil {
					pass++
					_, err = f.Finalize(t.Context(), run.Ref(), completed)
					errs <- err
				} else if last {
					return
				}
				select {
				case <-done:
					last = true
				default:
				}
			}
		})
	}
	go func() {
		senders.Wait()
		close(done)
		claimers.Wait()
		close(errs)
	}()
	for err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, int64(requests), get[int64](f, "select count(run_number) from raw.sync_requests"))
	require.Zero(t, get[int64](f, `select count(*) from raw.sync_runs r where pass > 0
		and (withdrawn_from is not null or not exists (select from raw.sync_requests q where q.run_number = r.run_number)
			and not exists (select from raw.sync_runs w where w.withdrawn_from = r.run_number))`), "no run without a request")
}

func TestRunsOfAnEarlierExecutionAreTerminated(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	earlier := f.beginIncremental("a", 1, "jobs")
	f.receive(request(events.Incremental, "b", "jobs"))
	next, found, err := f.BeginRun(t.Context(), incremental("next exec", 1))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "b", next.Requests[0].EventID)

	earlier, err = f.Run(t.Context(), earlier.Number)
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, earlier.State)
	require.Equal(t, events.Terminated, earlier.Error.Type)
	require.False(t, earlier.Published)
	require.Equal(t, "a", earlier.Requests[0].EventID, "answered by its own run")

	// A late call of the execution that is over neither ends its successor nor takes its requests.
	f.receive(request(events.Incremental, "c", "jobs"))
	_, found, err = f.BeginRun(t.Context(), incremental("exec", 2))
	require.NoError(t, err)
	require.False(t, found)
	next, err = f.Run(t.Context(), next.Number)
	require.NoError(t, err)
	require.Equal(t, ledger.Running, next.State)
}

func TestRunsOfAnEarlierExecutionAreTerminatedWithoutQueuedRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	earlier := f.beginIncremental("a", 1, "jobs")
	_, found, err := f.BeginRun(t.Context(), incremental("next exec", 1))
	require.NoError(t, err)
	require.False(t, found)
	earlier, err = f.Run(t.Context(), earlier.Number)
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, earlier.State)
}

func TestRequestIsServedByOneRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.beginFull("a", "jobs")
	again, found, err := f.BeginRun(t.Context(), ledger.BeginInput{
		TenantID: tenant, Mode: events.Full, WorkflowID: run.WorkflowID, FirstRunID: "another execution", Pass: 1, RequestID: run.Requests[0].ID,
	})
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, run.Number, again.Number)
	require.Equal(t, ledger.Failed, again.State)
	require.Equal(t, events.Terminated, again.Error.Type)
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()

	// From what waits.
	f.receive(request(events.Incremental, "waiting", "jobs"))
	waiting := request(events.Incremental, "waiting", "jobs")
	w, emptyPass, err := f.WithdrawRequest(ctx, waiting.ID, "not needed")
	require.NoError(t, err)
	require.Zero(t, emptyPass)
	require.Equal(t, ledger.Cancelled, w.State)
	require.Equal(t, "not needed", w.Reason)
	require.Equal(t, "incremental-sync-42", w.WorkflowID)
	require.Empty(t, w.TemporalRunID())
	require.Equal(t, map[string]string{"jobs": "cancelled"}, statuses(w))
	require.Len(t, w.Requests, 1)
	_, found, err := f.BeginRun(ctx, incremental("exec", 1))
	require.NoError(t, err)
	require.False(t, found, "nothing is left to claim")

	// A second withdrawal returns the same run.
	again, _, err := f.WithdrawRequest(ctx, waiting.ID, "twice")
	require.ErrorIs(t, err, ledger.ErrFinalized)
	require.Equal(t, w, again)

	// From the run that serves it.
	f.receive(request(events.Incremental, "a", "jobs"), request(events.Incremental, "b", "customers"))
	pass, _, err := f.BeginRun(ctx, incremental("exec", 1))
	require.NoError(t, err)
	_, emptyPass, err = f.WithdrawRequest(ctx, request(events.Incremental, "a").ID, "")
	require.NoError(t, err)
	require.Zero(t, emptyPass, "b still needs it")
	b := request(events.Incremental, "b").ID
	_, emptyPass, err = f.WithdrawRequest(ctx, b, "")
	require.NoError(t, err)
	require.Equal(t, pass.Number, emptyPass)
	_, emptyPass, err = f.WithdrawRequest(ctx, b, "")
	require.ErrorIs(t, err, ledger.ErrFinalized)
	require.Equal(t, pass.Number, emptyPass, "a repeat reports it too")

	state, err := f.Workflow(ctx, pass.WorkflowID)
	require.NoError(t, err)
	require.False(t, state.Finished, "the pass runs until it is finalized")
	pass = f.finalize(pass, cancelled)
	require.Empty(t, pass.Requests)
	_, emptyPass, err = f.WithdrawRequest(ctx, b, "")
	require.ErrorIs(t, err, ledger.ErrFinalized)
	require.Zero(t, emptyPass)
	state, err = f.Workflow(ctx, pass.WorkflowID)
	require.NoError(t, err)
	require.True(t, state.Finished)
}

func TestWithdrawRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, _, err := f.WithdrawRequest(t.Context(), "nobody", "")
	require.ErrorIs(t, err, ledger.ErrUnknown)

	full := f.beginFull("full", "jobs")
	_, _, err = f.WithdrawRequest(t.Context(), full.Requests[0].ID, "")
	require.ErrorContains(t, err, "it is a full request, want an incremental one")

	run := f.beginIncremental("a", 1, "jobs")
	f.finalize(run, completed)
	finalized, _, err := f.WithdrawRequest(t.Context(), run.Requests[0].ID, "")
	require.ErrorIs(t, err, ledger.ErrFinalized)
	require.Equal(t, run.Number, finalized.Number)
}

func TestRunsAndUnfinalized(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	first, second := f.beginFull("a", "jobs"), f.beginFull("b", "customers", "estimates")
	f.storePage(second, c, f.open(second, c), page(at(0), "1", false, customer(1, at(0), "x")))
	first = withoutRequests(f.finalize(first, cancelled))

	runs, err := f.Runs(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, runs, 2)
	require.Equal(t, first, runs[1])
	require.Equal(t, []events.Result{{Entity: "customers", Counts: events.Counts{Pages: 1, Fetched: 1, Inserted: 1}}, {Entity: "estimates"}}, runs[0].Results)
	runs, err = f.Runs(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, second.Number, runs[0].Number)

	unfinalized, err := f.Unfinalized(t.Context())
	require.NoError(t, err)
	require.Len(t, unfinalized, 1)
	require.Equal(t, second.Number, unfinalized[0].Number)
}
