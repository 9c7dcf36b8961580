package store_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

func TestReceive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	no := false
	a := request(events.Full, "a", "customers", "jobs")
	a.Notify, a.AllowDeletes, a.Reason, a.Traceparent = &no, true, "why\x00 not", "00-1-2-03"
	b := request(events.Incremental, "b", "jobs")
	changed := a
	changed.Digest = "other"

	receipts := f.receive(b, a, b, changed)
	repeated, conflict := make([]bool, 4), make([]bool, 4)
	for i, r := range receipts {
		repeated[i], conflict[i] = r.Repeated, r.Conflict
		require.Equal(t, ledger.Received, r.State)
		require.Nil(t, r.Outcome)
	}
	require.Equal(t, []bool{false, false, true, true}, repeated)
	require.Equal(t, []bool{false, false, false, true}, conflict)

	got := receipts[3].Request
	require.WithinDuration(t, time.Now(), got.ReceivedAt, time.Minute)
	want := a
	want.State, want.Reason, want.ReceivedAt = ledger.Received, "why\uFFFD not", got.ReceivedAt
	require.Equal(t, want, got)

	receipts = f.receive(a)
	require.True(t, receipts[0].Repeated)

	a.TenantID = "lazi"
	_, err := f.Receive(t.Context(), []ledger.Request{a})
	require.EqualError(t, err, fmt.Sprintf(`receive request %s: tenant ID: got "lazi", want the number of a ServiceTitan tenant, digits only`, a.ID))
}

func TestReceiveReturnsTheOutcome(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.beginFull("a", "customers")
	q := run.Requests[0]
	require.Nil(t, f.receive(q)[0].Outcome)
	f.finalize(run, cancelled)
	want := &ledger.Outcome{State: ledger.Cancelled, RunNumber: run.Number}
	require.Equal(t, want, f.receive(q)[0].Outcome)

	receipt, err := f.Request(t.Context(), q.ID)
	require.NoError(t, err)
	require.Equal(t, want, receipt.Outcome)
	require.Equal(t, run.Number, receipt.RunNumber)
	_, err = f.Request(t.Context(), "nobody")
	require.ErrorIs(t, err, ledger.ErrUnknown)
}

// TestReceiveConcurrently hands the same requests to several bridges at once, each
// in an order of its own.
func TestReceiveConcurrently(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const bridges, size = 4, 500
	var retries bytes.Buffer
	s, err := store.Open(t.Context(), f.url, store.Options{Logger: zerolog.New(zerolog.SyncWriter(&retries))})
	require.NoError(t, err)
	defer s.Close()
	type answer struct {
		receipts []ledger.Receipt
		err      error
	}
	answers := make(chan answer, bridges)
	for n := range bridges {
		go func() {
			batch := make([]ledger.Request, size)
			for i := range batch {
				batch[i] = request(events.Incremental, fmt.Sprint((i*(2*n+1)+n)%size), "jobs")
			}
			receipts, err := s.Receive(t.Context(), batch)
			answers <- answer{receipts, err}
		}()
	}
	fresh := map[string]int{}
	for range bridges {
		a := <-answers
		require.NoError(t, a.err)
		for _, r := range a.receipts {
			if !r.Repeated {
				fresh[r.ID]++
			}
		}
	}
	require.Len(t, fresh, size)
	for id, times := range fresh {
		require.Equal(t, 1, times, id)
	}
	require.Empty(t, retries.String(), "they wait for each other, and do not deadlock")
}

func TestAccept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := request(events.Full, "a", "jobs"), request(events.Incremental, "b", "jobs")
	f.receive(a, b)
	unstarted := func(olderThan time.Duration) (ids []string) {
		found, err := f.Unstarted(t.Context(), olderThan)
		require.NoError(t, err)
		for _, q := range found {
			ids = append(ids, q.EventID)
		}
		return ids
	}
	require.ElementsMatch(t, []string{"a", "b"}, unstarted(0))
	require.Empty(t, unstarted(time.Hour))

	accepted, err := f.Accept(t.Context(), map[string]string{a.ID: "exec", b.ID: "exec", "nobody": "exec"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{a.ID: "exec", b.ID: "exec"}, accepted)
	accepted, err = f.Accept(t.Context(), map[string]string{a.ID: "other"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{a.ID: "exec"}, accepted, "the first one is kept")
	receipts := f.receive(a, b)
	require.Equal(t, ledger.Accepted, receipts[0].State)
	require.Equal(t, "exec", receipts[0].FirstRunID)
	require.Equal(t, []string{"b"}, unstarted(0), "accepted, but no pass has claimed it")

	_, found, err := f.BeginRun(t.Context(), incremental("exec", 1))
	require.NoError(t, err)
	require.True(t, found)
	require.Empty(t, unstarted(0))
}

func TestFindRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := request(events.Full, "same", "jobs"), request(events.Full, "alone", "jobs")
	var others []ledger.Request
	for _, source := range []string{"/x", "/y"} {
		other := a
		other.Source, other.ID = source, events.RequestID(source, "same")
		others = append(others, other)
	}
	f.receive(append(others, a, b)...)
	for ref, want := range map[string]int{a.ID: 1, "alone": 1, "same": 2, "nobody": 0, "\x00": 0} {
		found, err := f.FindRequests(t.Context(), ref)
		require.NoError(t, err)
		require.Len(t, found, want, ref)
	}
}

func TestWorkflow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	expect := func(want ledger.WorkflowState) {
		t.Helper()
		got, err := f.Workflow(t.Context(), "incremental-sync-42")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	expect(ledger.WorkflowState{})
	run := f.beginIncremental("a", 1, "jobs")
	expect(ledger.WorkflowState{Known: true, LastRun: run.Number})
	f.finalize(run, completed)
	expect(ledger.WorkflowState{Known: true, LastRun: run.Number, Finished: true})
	b := f.receive(request(events.Incremental, "b", "jobs"))[0]
	expect(ledger.WorkflowState{Known: true, LastRun: run.Number, UnclaimedSince: b.ReceivedAt})
	_, err := f.Accept(t.Context(), map[string]string{b.ID: "x"})
	require.NoError(t, err)
	f.receive(request(events.Incremental, "c", "jobs"))
	expect(ledger.WorkflowState{Known: true, LastRun: run.Number, UnclaimedSince: b.ReceivedAt})
}

// control is a pause of the workflow "w".
func control(id string, sequence uint64) ledger.Control {
	return ledger.Control{
		ID: id, Source: "/test", EventID: "event " + id, Action: events.Pause, WorkflowID: "w", Reason: "r", Actor: "me", Sequence: sequence,
		Message: events.Message{
			Subject: "sync.control", Header: map[string][]string{"A": {"b", "c"}}, Data: []byte{'{', 0xff, 0}, Stream: "S", Sequence: sequence,
			Stored: time.Date(2026, 3, 1, 0, 0, 0, 123456789, time.UTC),
		},
	}
}

func TestControls(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	late, early := control("late", 9), control("early", 2)
	for _, c := range []ledger.Control{late, early} {
		held, repeated, err := f.RecordControl(t.Context(), c)
		require.NoError(t, err)
		require.False(t, repeated)
		c.State, c.ReceivedAt = ledger.ControlPending, held.ReceivedAt
		require.Equal(t, c, held)
	}
	pending, err := f.PendingControls(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"early", "late"}, []string{pending[0].ID, pending[1].ID})

	rejection := events.Reject(events.CodeUnknownRun, events.FieldError{Path: "workflowId", Got: "\x00", Want: "a known one"})
	settled, err := f.SettleControl(t.Context(), ledger.Control{ID: "early", State: ledger.ControlRejected, Rejection: rejection})
	require.NoError(t, err)
	require.Equal(t, ledger.ControlRejected, settled.State)
	settled, err = f.SettleControl(t.Context(), ledger.Control{ID: "early", State: ledger.ControlApplied})
	require.NoError(t, err)
	require.Equal(t, ledger.ControlRejected, settled.State, "settled once")
	require.Equal(t, events.CodeUnknownRun, settled.Rejection.Code)
	held, repeated, err := f.RecordControl(t.Context(), early)
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, ledger.ControlRejected, held.State)
	require.Equal(t, events.CodeUnknownRun, held.Rejection.Code)
	require.Equal(t, "\uFFFD", held.Rejection.Errors[0].Got)

	pending, err = f.PendingControls(t.Context())
	require.NoError(t, err)
	require.Len(t, pending, 1)

	replayed := early
	replayed.Sequence = 12
	other := replayed
	other.Action = events.Resume
	held, repeated, err = f.RecordControl(t.Context(), other)
	require.NoError(t, err)
	require.True(t, repeated, "other data under the same identity changes nothing")
	require.Equal(t, ledger.ControlRejected, held.State)
	again := early
	again.Sequence = 11
	for range 2 {
		held, repeated, err = f.RecordControl(t.Context(), again)
		require.NoError(t, err)
		require.True(t, repeated, "a repetition before the answer has the same one, also when it is redelivered")
		require.Equal(t, ledger.ControlRejected, held.State)
		require.EqualValues(t, 2, held.Sequence)
		require.NoError(t, f.MarkControlAnswered(t.Context(), "early"))
	}
	held, repeated, err = f.RecordControl(t.Context(), replayed)
	require.NoError(t, err)
	require.False(t, repeated, "a replay is pending again")
	require.Equal(t, ledger.ControlPending, held.State)
	require.EqualValues(t, 12, held.Sequence)
	require.Nil(t, held.Rejection)

	_, err = f.SettleControl(t.Context(), ledger.Control{ID: "early", State: ledger.ControlRejected, Rejection: rejection})
	require.NoError(t, err)
	require.NoError(t, f.MarkControlAnswered(t.Context(), "early"))
	held, repeated, err = f.RecordControl(t.Context(), early)
	require.NoError(t, err)
	require.True(t, repeated, "a redelivery of the first message is no replay")
	require.EqualValues(t, 12, held.Sequence)
	_, err = f.SettleControl(t.Context(), ledger.Control{ID: "nobody", State: ledger.ControlApplied})
	require.ErrorIs(t, err, ledger.ErrUnknown)
}

func TestSettledControlsAreListedUntilTheyAreAnswered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	applied := ledger.Applied{WorkflowID: "full-sync-1", RunID: "exec"}
	_, _, err := f.RecordControl(t.Context(), control("c", 1))
	require.NoError(t, err)
	unanswered := func(olderThan time.Duration) []ledger.Control {
		found, err := f.UnansweredControls(t.Context(), olderThan)
		require.NoError(t, err)
		return found
	}
	require.Empty(t, unanswered(0), "it is pending")
	settled, err := f.SettleControl(t.Context(), ledger.Control{ID: "c", State: ledger.ControlApplied, Applied: applied})
	require.NoError(t, err)
	require.Equal(t, applied, settled.Applied)
	require.Equal(t, []ledger.Control{settled}, unanswered(0))
	require.Empty(t, unanswered(time.Hour))
	require.NoError(t, f.MarkControlAnswered(t.Context(), "c"))
	require.Empty(t, unanswered(0))
}

func TestTheMessageOfARequestIsStored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first, second := request(events.Full, "a", "jobs"), request(events.Full, "a", "jobs")
	first.Message, second.Message = "SYNC_COMMANDS-1-1", "SYNC_COMMANDS-2-2"
	receipts := f.receive(first, second)
	require.Equal(t, []string{first.Message, first.Message}, []string{receipts[0].Message, receipts[1].Message}, "the first of a batch")
	require.Equal(t, []bool{false, true}, []bool{receipts[0].IsDuplicateFor(first), receipts[1].IsDuplicateFor(second)})

	again := f.receive(second, first)
	require.Equal(t, []bool{true, false}, []bool{again[0].IsDuplicateFor(second), again[1].IsDuplicateFor(first)})
	first.Digest, second.Digest = "as another version computes it", "as another version computes it"
	again = f.receive(first, second)
	require.False(t, again[0].Conflict, "a message does not conflict with itself")
	require.True(t, again[1].Conflict)
}

func TestRequestsAndControlsShareIdentities(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	clashing := request(events.Full, "c", "customers")
	_, _, err := f.RecordControl(t.Context(), control(clashing.ID, 1))
	require.NoError(t, err)
	receipts, err := f.Receive(t.Context(), []ledger.Request{request(events.Full, "r", "customers"), clashing})
	require.NoError(t, err)
	require.Equal(t, []bool{false, true}, []bool{receipts[0].Conflict, receipts[1].Conflict})
	_, _, err = f.RecordControl(t.Context(), control(receipts[0].ID, 2))
	require.ErrorIs(t, err, ledger.ErrConflict)
	pending, err := f.PendingControls(t.Context())
	require.NoError(t, err)
	require.Len(t, pending, 1)
}
