package bridge_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/badinput"
	"github.com/lazi/lazisync/workflows"
)

func TestBadCommands(t *testing.T) {
	t.Parallel()
	badinput.Check(t, "testdata/bad-commands.txt", func(t *testing.T, input string) string {
		w := newWorld(t)
		require.NoError(t, w.requests(
			w.requested(t, "f1", events.RequestData{Mode: events.Full}), w.requested(t, "f2", events.RequestData{Mode: events.Full}),
			w.requested(t, "good", events.RequestData{Mode: events.Incremental}),
		))
		for _, id := range []string{"f1", "f2"} {
			w.serve(t, id)
		}
		w.finish(t, workflows.FullSyncID(events.RequestID("/test", "f2")), ledger.Completed)
		require.NoError(t, w.controls(w.control(t, "c1", events.ControlData{Action: events.Pause, RequestID: "f1"})))

		bad := w.typed(input)
		if bad.event.Subject == events.Control.Subject {
			good := w.control(t, "next", events.ControlData{Action: events.Resume, RequestID: "f1"})
			require.NoError(t, w.controls(bad, good))
			require.Equal(t, "acked", good.ended, "the valid command is processed")
			if !readable(bad.event) {
				require.Len(t, w.ledger.Controls(), 2, "c1 and next: what cannot be read leaves nothing in the ledger")
			}
		} else {
			good := w.requested(t, "next", events.RequestData{Mode: events.Full})
			require.NoError(t, w.requests(bad, good))
			require.Equal(t, "acked", good.ended, "the valid command of the batch is processed")
		}
		rejected := published(t, w, events.Rejected)
		require.Len(t, rejected, 1)
		require.Equal(t, "terminated: "+rejected[0].Reason, bad.ended)
		require.Equal(t, bad.event.Subject, rejected[0].Subject)
		require.Equal(t, bad.event.Subject == events.Control.Subject, rejected[0].Kind == events.KindControl)
		require.Equal(t, events.DeadLetter{Stream: "SYNC_DEADLETTER", Sequence: 1}, rejected[0].DeadLetter)
		require.Len(t, w.publisher.DeadLetters(), 1)
		deadLetter := w.publisher.DeadLetters()[0]
		require.Equal(t, bad.event, deadLetter.Message, "dead-lettered unchanged")
		require.Equal(t, rejected[0].Reason, deadLetter.Reason)
		require.Equal(t, uint64(1), deadLetter.Attempts)
		return string(rejected[0].Code) + ": " + rejected[0].Reason
	})
}

// readable says whether a control says what it wants.
func readable(m events.Message) bool {
	event, err := events.Decode(m)
	if err != nil {
		return false
	}
	_, err = events.Control.Data(event)
	return err == nil
}

// typed makes a message of a subject, headers and a body, as the table has them.
func (w *world) typed(input string) *message {
	subject, header, body := badinput.Message(input)
	m := w.raw(subject, body)
	m.event.Header = header
	return m
}
