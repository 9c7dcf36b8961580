package notify

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/events/eventstest"
)

func TestEventsOfALaterVersionAreSent(t *testing.T) {
	t.Parallel()
	sent := map[string]int{}
	for _, l := range eventstest.Later(t, "../..") {
		p, d := &fakeSender{}, &delivery{message: l.Message}
		require.NoError(t, notifier(p, ended).Handle(t.Context(), one(d)), l.Name)
		require.Equal(t, []string{"ack"}, d.settled, l.Name)
		want, _ := l.Data["notify"].([]any)
		switch l.Message.Subject {
		case events.Rejected.Subject, events.Stale.Subject, events.Fresh.Subject:
			want = []any{"#ops"}
		}
		require.Len(t, p.sent, len(want), l.Name)
		sent[l.Message.Subject] += len(p.sent)
	}
	for _, subject := range []string{"sync.completed", "sync.failed", "sync.cancelled", "sync.rejected", "sync.stale", "sync.fresh"} {
		require.Greater(t, sent[subject], 5, subject)
	}
}

// While two versions overlap, each event is published in both. The unknown one must neither
// be sent nor be dead-lettered.
func TestAnotherVersionOfAnOutcomeIsIgnored(t *testing.T) {
	t.Parallel()
	p := &fakeSender{}
	d := &delivery{message: events.Message{Subject: "sync.completed", Data: []byte(
		`{"specversion":"1.0","id":"1","source":"/lazisync","type":"com.lazi.sync.completed.v2","data":{"what":"ever"}}`)}}
	require.NoError(t, notifier(p, ended).Handle(t.Context(), one(d)))
	require.Equal(t, []string{"ack"}, d.settled)
	require.Empty(t, p.sent)
}

// The sender of a control with a typo gets a reply; no channel is notified.
func TestAControlOfAnUnknownRunIsNotSent(t *testing.T) {
	t.Parallel()
	for _, code := range events.RejectCodes {
		event, err := events.Rejected.New(events.Attributes{ID: string(code), Source: "/lazisync", Time: ended}, events.RejectedData{
			Kind: events.KindControl, Subject: "sync.control", Code: code, Reason: "r",
			DeadLetter: events.DeadLetter{Stream: "SYNC_DEADLETTER", Sequence: 1},
		})
		require.NoError(t, err)
		encoded, err := events.Encode(event)
		require.NoError(t, err)
		p := &fakeSender{}
		d := &delivery{message: events.Message{Subject: "sync.rejected", Header: events.Header(event), Data: encoded}}
		require.NoError(t, notifier(p, ended).Handle(t.Context(), one(d)))
		require.Equal(t, []string{"ack"}, d.settled)
		silent := code == events.CodeUnknownRun || code == events.CodeFinishedRun || code == events.CodeAmbiguous
		require.Equal(t, silent, len(p.sent) == 0, code)
	}
}
