package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// The worker may publish that the run started, and even how it ended, before the bridge
// publishes that the request is accepted.
func TestTheAnswerIsShownBeforeItsRun(t *testing.T) {
	t.Parallel()
	run := barsRun()
	early := []events.Message{
		message(t, events.Started, "s", events.StartedData{RunData: run}),
		message(t, events.Progress, "p", events.ProgressData{RunData: run, Entity: "customers", Phase: events.PhaseReading}),
		message(t, events.Completed, "c", events.OutcomeData{RunData: run, Results: []events.Result{{Entity: "customers", Status: events.StatusCompleted}}}),
	}
	v := &recordingView{}
	f := &follower{requestID: barsRequest, view: v, exit: -1}
	for _, m := range early {
		require.NoError(t, f.handle(m))
	}
	require.Empty(t, v.shown)
	require.ErrorIs(t, f.handle(message(t, events.Accepted, "a", events.AcceptedData{
		Kind: events.KindRequest, RequestID: barsRequest, Event: events.EventRef{Source: "/lazisync/cli", ID: "1"}, WorkflowID: run.WorkflowID,
	})), errDecided)
	require.Equal(t, []string{"accepted", "started", "progress", "completed"}, v.shown)
	require.Equal(t, ExitCompleted, f.exit)

	v = &recordingView{} // the bridge died before it answered
	f = &follower{requestID: barsRequest, view: v, exit: -1}
	require.NoError(t, f.handle(early[0]))
	require.NoError(t, f.wonder())
	require.Equal(t, []string{"started"}, v.shown, "its answer is not waited for any longer")
	require.NoError(t, f.handle(early[1]))
	require.ErrorIs(t, f.handle(early[2]), errDecided)
	require.Equal(t, []string{"started", "progress", "completed"}, v.shown)

	f = &follower{requestID: barsRequest, view: v, exit: -1} // while it was waited for, the run ended
	require.NoError(t, f.handle(early[2]))
	require.ErrorIs(t, f.wonder(), errDecided)
	require.Equal(t, ExitCompleted, f.exit)
}
