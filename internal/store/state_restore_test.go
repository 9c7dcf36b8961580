package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestRunNumbersAreRaisedAboveThoseOfTheEventStream(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.beginFull("a", "jobs")
	_, raised, err := f.RaiseRunNumbers(t.Context(), first.Number)
	require.NoError(t, err)
	require.False(t, raised, "the ledger knows that run")

	given, raised, err := f.RaiseRunNumbers(t.Context(), 400)
	require.NoError(t, err)
	require.True(t, raised)
	require.Equal(t, first.Number, given)
	require.Greater(t, f.beginFull("b", "customers").Number, int64(400))
	_, raised, err = f.RaiseRunNumbers(t.Context(), 400)
	require.NoError(t, err)
	require.False(t, raised, "once")

	found, err := f.Restores(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Contains(t, found[0].Detail, "the last run of the ledger was 1 and the event stream has run 400")
}

func TestRunNumbersAreRaisedWhileRunsBegin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var all sync.WaitGroup
	numbers := make(chan int64, 20)
	for n := range 20 {
		all.Go(func() {
			q := request(events.Full, string(rune('a'+n)), "jobs")
			f.receive(q)
			run, err := f.FinalizeUnstarted(t.Context(), q.ID, cancelled)
			if err == nil {
				numbers <- run.Number
			}
		})
		all.Go(func() { _, _, _ = f.RaiseRunNumbers(t.Context(), int64(3*n)) })
	}
	all.Wait()
	require.Len(t, numbers, 20, "no run fails for a number that was given twice")
}

func TestTheLedgerBelongsToOneTemporalNamespace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	none, err := f.Namespace(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	for _, id := range []string{"one", "two"} {
		held, err := f.RecordNamespace(t.Context(), id, "default")
		require.NoError(t, err)
		require.Equal(t, "one", held, "the first is recorded")
	}
	former, err := f.AcceptNamespace(t.Context(), "two", "default")
	require.NoError(t, err)
	require.Equal(t, "one", former)
	held, err := f.RecordNamespace(t.Context(), "one", "default")
	require.NoError(t, err)
	require.Equal(t, "two", held)
}

func TestRestoresOfNATSAndTemporal(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	none, err := f.LatestServed(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Nil(t, none)
	f.beginFull("a", "jobs")
	f.beginFull("b", "jobs")
	f.exec("update raw.sync_requests set message = 'SYNC_COMMANDS-' || event_id || '-1', first_run_id = 'first of ' || event_id")
	latest, err := f.LatestServed(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Equal(t, "SYNC_COMMANDS-b-1", latest.Message)
	require.Equal(t, "first of b", latest.FirstRunID)
	require.NotEmpty(t, latest.WorkflowID)
	f.exec("update raw.sync_requests set received_at = received_at - interval '2 hours' where event_id = 'b'")
	old, err := f.LatestServed(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Equal(t, "SYNC_COMMANDS-a-1", old.Message, "b is too old")

	for _, want := range []bool{true, false} {
		recorded, err := f.RecordRestore(t.Context(), "nats", "lost", latest.ReceivedAt)
		require.NoError(t, err)
		require.Equal(t, want, recorded, "once")
	}
	recorded, err := f.RecordRestore(t.Context(), "nats", "lost another", latest.ReceivedAt)
	require.NoError(t, err)
	require.False(t, recorded, "the same restore explains it")
	recorded, err = f.RecordRestore(t.Context(), "nats", "lost later", time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.True(t, recorded)
	recorded, err = f.RecordRestore(t.Context(), "temporal", "lost", latest.ReceivedAt)
	require.NoError(t, err)
	require.True(t, recorded)
	found, err := f.Restores(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Len(t, found, 3)
}
