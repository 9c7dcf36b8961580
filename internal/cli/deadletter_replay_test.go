package cli

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestReplayOfSeveralSelectsOpenCommands(t *testing.T) {
	t.Parallel()
	b := handledDeadLetters()
	all, err := readDeadLetters(t.Context(), b, b.stream)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		selection DeadLetterSelection
		want      []uint64
		controls  int
	}{
		"all":                  {DeadLetterSelection{}, []uint64{5}, 1},
		"a code":               {DeadLetterSelection{DeadLetterFilter: DeadLetterFilter{Code: "unknownEntity"}}, []uint64{5}, 0},
		"a code of controls":   {DeadLetterSelection{DeadLetterFilter: DeadLetterFilter{Code: "unknownRun"}}, []uint64{3}, 0},
		"a control":            {DeadLetterSelection{Sequence: 3}, []uint64{3}, 0},
		"a dismissed one":      {DeadLetterSelection{Sequence: 2}, []uint64{2}, 0},
		"one replayed already": {DeadLetterSelection{Sequence: 4}, []uint64{4}, 0},
		"the latest":           {DeadLetterSelection{DeadLetterFilter: DeadLetterFilter{Since: 2 * time.Minute}}, []uint64{5}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			selected, controls, err := c.selection.replayable(all, noon.Add(6*time.Minute))
			require.NoError(t, err)
			sequences := []uint64{}
			for _, d := range selected {
				sequences = append(sequences, d.Sequence)
			}
			require.Equal(t, c.want, sequences)
			require.Equal(t, c.controls, controls)
		})
	}
	_, _, err = DeadLetterSelection{Sequence: 7}.replayable(all, noon)
	require.EqualError(t, err, "dead letter 7: dead letter not found")
}

// Without a database only rejections that followed are known.
func TestDeadLettersWithoutADatabase(t *testing.T) {
	t.Parallel()
	b := handledDeadLetters()
	b.store = nil
	all, err := readDeadLetters(t.Context(), b, b.stream)
	require.NoError(t, err)
	var states []string
	for _, d := range all {
		states = append(states, d.state()+" "+d.result())
	}
	require.Equal(t, []string{"replayed dead letter again: 5", "open ", "open ", "open ", "open ", "open "}, states)
}

// A database that is down does not hide the dead letters.
func TestDeadLettersWithAnUnavailableDatabase(t *testing.T) {
	t.Parallel()
	b := handledDeadLetters()
	b.store.err = errors.New("connection refused")
	var out bytes.Buffer
	require.NoError(t, ListDeadLetters(t.Context(), b, DeadLetterListOptions{}, &out))
	require.Contains(t, out.String(), "\n6 ")
	require.Contains(t, out.String(), "\nSTATE may be wrong, what became of the dead letters is unknown: connection refused\n")
	require.ErrorContains(t, ListDeadLetters(t.Context(), b, DeadLetterListOptions{JSON: true}, &out), "connection refused")
}

func TestReplayKnowsItsAnswer(t *testing.T) {
	t.Parallel()
	ref := events.EventRef{Source: "/lazisync/cli", ID: "1"}
	accepted := func(place, requestID string) events.Event {
		e, err := events.Accepted.New(events.Attributes{ID: "a", Source: "/lazisync", Time: noon}, events.AcceptedData{
			Kind: events.KindRequest, RequestID: requestID, Event: ref, WorkflowID: "full-sync-" + requestID, Message: place,
		})
		require.NoError(t, err)
		return e
	}
	for name, c := range map[string]struct {
		event events.Event
		want  string
	}{
		"accepted":                       {accepted("SYNC_COMMANDS-14-123", barsRequest), replayAccepted},
		"accepted by an earlier version": {accepted("", barsRequest), replayAccepted},
		"the answer to the first one":    {accepted("SYNC_COMMANDS-1-12", barsRequest), replayNoAnswer},
		"of another request":             {accepted("", "ffffffffffffffffffff"), replayNoAnswer},
	} {
		r := &replayAnswer{Stream: "SYNC_COMMANDS", At: 14, Answer: replayNoAnswer, requestID: barsRequest}
		r.answer(c.event)
		require.Equal(t, c.want, r.Answer, name)
	}
}
