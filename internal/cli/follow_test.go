package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// The worker may publish that the run started, and even how it ended, before the bridge
// publishes that the request is accepted.
func TestAnswerIsShownBeforeTheRun(t *testing.T) {
	t.Parallel()
	run := barsRun()
	early := []events.Message{
		message(t, events.Started, "s", events.StartedData{RunData: run}),
		message(t, events.Progress, "p", events.ProgressData{RunData: run, Entity: "customers", Phase: events.PhaseReading}),
		message(t, events.Completed, "c", events.OutcomeData{RunData: run, Results: []events.Result{{Entity: "customers", Status: events.StatusCompleted}}}),
	}
	v := &recordingView{}
	f := &follower{requestID: barsRequest, view: v, exitCode: -1}
	for _, m := range early {
		require.NoError(t, f.handle(m))
	}
	require.Empty(t, v.shown)
	require.ErrorIs(t, f.handle(message(t, events.Accepted, "a", events.AcceptedData{
		Kind: events.KindRequest, RequestID: barsRequest, Event: events.EventRef{Source: "/lazisync/cli", ID: "1"}, WorkflowID: run.WorkflowID,
	})), errFinished)
	require.Equal(t, []string{"accepted", "started", "progress", "completed"}, v.shown)
	require.Equal(t, ExitCompleted, f.exitCode)

	v = &recordingView{} // the bridge crashed before it answered
	f = &follower{requestID: barsRequest, view: v, exitCode: -1}
	require.NoError(t, f.handle(early[0]))
	require.NoError(t, f.showDelay())
	require.Equal(t, []string{"started"}, v.shown, "the answer is overdue")
	require.NoError(t, f.handle(early[1]))
	require.ErrorIs(t, f.handle(early[2]), errFinished)
	require.Equal(t, []string{"started", "progress", "completed"}, v.shown)

	f = &follower{requestID: barsRequest, view: v, exitCode: -1} // the run ended before the answer
	require.NoError(t, f.handle(early[2]))
	require.ErrorIs(t, f.showDelay(), errFinished)
	require.Equal(t, ExitCompleted, f.exitCode)
}
