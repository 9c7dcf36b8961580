package notify

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/events/eventstest"
)

// Whatever a later version adds to an event, people hear of what happened.
func TestEventsOfALaterVersionAreNotified(t *testing.T) {
	t.Parallel()
	heard := map[string]int{}
	for _, l := range eventstest.Later(t, "../..") {
		p, d := &people{}, &delivery{message: l.Message}
		require.NoError(t, notifier(p, ended).Handle(t.Context(), one(d)), l.Name)
		require.Equal(t, []string{"ack"}, d.settled, l.Name)
		want, _ := l.Data["notify"].([]any)
		if l.Message.Subject == events.Rejected.Subject {
			want = []any{"#ops"}
		}
		require.Len(t, p.told, len(want), l.Name)
		for _, n := range p.told {
			heard[l.Message.Subject]++
			m := renderer{now: ended}.message([]Notification{n})
			require.NotEmpty(t, m.Text, l.Name)
			_, err := json.Marshal(m)
			require.NoError(t, err, l.Name)
		}
	}
	for _, subject := range []string{"sync.completed", "sync.failed", "sync.cancelled", "sync.rejected"} {
		require.Greater(t, heard[subject], 5, subject)
	}
}

// While two versions overlap, an event is published in both: the one that is known tells
// people, the other must neither be notified nor be kept as unreadable.
func TestAnotherVersionOfAnOutcomeIsIgnored(t *testing.T) {
	t.Parallel()
	p := &people{}
	d := &delivery{message: events.Message{Subject: "sync.completed", Data: []byte(
		`{"specversion":"1.0","id":"1","source":"/lazisync","type":"com.lazi.sync.completed.v2","data":{"what":"ever"}}`)}}
	require.NoError(t, notifier(p, ended).Handle(t.Context(), one(d)))
	require.Equal(t, []string{"ack"}, d.settled)
	require.Empty(t, p.told)
}

func TestANotificationOfAModeOfALaterVersionNamesIt(t *testing.T) {
	t.Parallel()
	data := outcomeData()
	data.Mode = "verify"
	n := Notification{To: "#a", Outcome: Completed, Run: data, At: ended}
	require.Equal(t, "Sync (verify) completed: 100,001 records in 2 min 14 s", renderer{now: ended.Add(time.Second)}.title(n))
}

// A typo in a control is answered to its sender; no channel hears of it.
func TestAControlThatNamesNothingIsNotNotified(t *testing.T) {
	t.Parallel()
	for _, code := range events.RejectCodes {
		event, err := events.Rejected.New(events.Attributes{ID: string(code), Source: "/lazisync", Time: ended}, events.RejectedData{
			Kind: events.KindControl, Subject: "sync.control", Code: code, Reason: "r",
			DeadLetter: events.DeadLetter{Stream: "SYNC_DEADLETTER", Sequence: 1},
		})
		require.NoError(t, err)
		encoded, err := events.Encode(event)
		require.NoError(t, err)
		p := &people{}
		d := &delivery{message: events.Message{Subject: "sync.rejected", Header: events.Header(event), Data: encoded}}
		require.NoError(t, notifier(p, ended).Handle(t.Context(), one(d)))
		require.Equal(t, []string{"ack"}, d.settled)
		silent := code == events.CodeUnknownRun || code == events.CodeFinishedRun || code == events.CodeAmbiguous
		require.Equal(t, silent, len(p.told) == 0, code)
	}
}
