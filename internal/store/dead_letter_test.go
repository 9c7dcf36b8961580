package store_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
)

func TestHandlingOfDeadLettersIsRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	stored := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	key := func(sequence uint64) ledger.DeadLetterKey {
		return ledger.DeadLetterKey{Sequence: sequence, RejectedAt: stored.Add(time.Duration(sequence) * time.Second)}
	}
	all := []ledger.DeadLetterKey{key(1), key(2), key(3), key(4)}
	none, err := f.Handlings(t.Context(), all)
	require.NoError(t, err)
	require.Empty(t, none)

	require.NoError(t, f.DismissDeadLetters(t.Context(), []ledger.DeadLetterKey{key(1), key(2)}, ledger.Dismissal{Actor: "ann", Reason: "a test"}))
	require.NoError(t, f.DismissDeadLetters(t.Context(), []ledger.DeadLetterKey{key(1)}, ledger.Dismissal{Actor: "bob", Reason: "known"}))
	require.NoError(t, f.RecordReplay(t.Context(), key(2), ledger.Replay{Actor: "ann", Stream: "SYNC_COMMANDS", Sequence: 7}))
	require.NoError(t, f.RecordReplay(t.Context(), key(3), ledger.Replay{Stream: "SYNC_COMMANDS", Sequence: 8}))
	require.NoError(t, f.RecordReplay(t.Context(), key(3), ledger.Replay{Stream: "SYNC_COMMANDS", Sequence: 9}))

	found, err := f.Handlings(t.Context(), all[2:3])
	require.NoError(t, err)
	require.Equal(t, []ledger.DeadLetterKey{key(3).Normalized()}, slices.Collect(maps.Keys(found)))
	found, err = f.Handlings(t.Context(), all)
	require.NoError(t, err)
	require.Len(t, found, 3)
	one, two, three := found[key(1).Normalized()], found[key(2).Normalized()], found[key(3).Normalized()]
	require.Equal(t, "bob", one.Dismissal.Actor)
	require.Equal(t, "known", one.Dismissal.Reason)
	require.WithinDuration(t, time.Now(), one.Dismissal.At, time.Hour)
	require.Nil(t, one.Replay)
	require.Equal(t, "a test", two.Dismissal.Reason)
	require.Equal(t, uint64(7), two.Replay.Sequence)
	require.Nil(t, three.Dismissal)
	require.Equal(t, uint64(9), three.Replay.Sequence)
	require.Equal(t, "SYNC_COMMANDS", three.Replay.Stream)

	for first, want := range map[uint64]uint64{1: 3, 2: 2, 4: 0} { // the stream deletes old ones
		n, err := f.CountHandled(t.Context(), key(first))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	n, err := f.CountHandled(t.Context(), ledger.DeadLetterKey{Sequence: 1, RejectedAt: stored.Add(time.Hour)})
	require.NoError(t, err)
	require.Zero(t, n, "of a stream that was recreated")

	f.exec("update raw.sync_dead_letters set rejected_at = rejected_at - interval '2 years' where sequence < 3")
	deleted, err := f.Prune(t.Context(), 24*time.Hour)
	require.NoError(t, err)
	require.Equal(t, int64(3), deleted, "all are older than the stream keeps dead letters")
}
