package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/events/eventstest"
)

// recordingView counts what is shown.
type recordingView struct{ shown []string }

func (v *recordingView) accepted(events.AcceptedData)                 { v.shown = append(v.shown, "accepted") }
func (v *recordingView) started(events.StartedData)                   { v.shown = append(v.shown, "started") }
func (v *recordingView) progress(events.ProgressData)                 { v.shown = append(v.shown, "progress") }
func (v *recordingView) controlled(k string, _ events.ControlledData) { v.shown = append(v.shown, k) }
func (v *recordingView) outcome(k string, _ events.OutcomeData)       { v.shown = append(v.shown, k) }
func (v *recordingView) rejected(events.RejectedData)                 { v.shown = append(v.shown, "rejected") }
func (v *recordingView) alreadyPaused(events.ControlledData)          { v.shown = append(v.shown, "held") }
func (v *recordingView) unanswered()                                  {}
func (v *recordingView) close()                                       {}

// request --wait shows events of a later version and ends with the right exit code.
func TestFollowAcceptsEventsOfALaterVersion(t *testing.T) {
	t.Parallel()
	exits := map[string]int{
		"sync.completed": ExitCompleted, "sync.failed": ExitFailed, "sync.cancelled": ExitCancelled, "sync.rejected": ExitRejected,
	}
	seen := map[string]int{}
	for _, l := range eventstest.Later(t, "../..") {
		if l.Data["kind"] != nil && l.Data["kind"] != "request" {
			continue // an answer to a control, or to a kind of command that this version cannot have sent
		}
		id, named := requestIn(l.Data)
		if !named {
			continue // an answer to a command without identity
		}
		v := &recordingView{}
		f := &follower{requestID: id, view: v, isAnswered: true, exitCode: -1}
		err := f.handle(l.Message)
		require.Len(t, v.shown, 1, l.Name)
		seen[l.Message.Subject]++
		if exit, ends := exits[l.Message.Subject]; ends {
			require.ErrorIs(t, err, errFinished, l.Name)
			require.Equal(t, exit, f.exitCode, l.Name)
		}
	}
	require.Len(t, seen, len(events.All())-4) // not the commands, and no run has sync.stale and sync.fresh
}

func requestIn(data map[string]any) (string, bool) {
	if id, ok := data["requestId"].(string); ok {
		return id, true
	}
	list, _ := data["requests"].([]any)
	if len(list) == 0 {
		return "", false
	}
	first, _ := list[0].(map[string]any)
	id, ok := first["requestId"].(string)
	return id, ok
}
