package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestRequestIsAcceptedInEveryForm(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve")
	const data = `{"mode":"full","entities":["customers"]}`
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for name, c := range map[string]struct {
		body   string
		header []string
		id     string // of the event, "" if lazisync generates it
		trace  string // that the event carries
	}{
		"bare JSON":              {body: data},
		"bare JSON with an id":   {body: data, header: []string{"Nats-Msg-Id", "bare-1"}, id: "bare-1"},
		"structured CloudEvent":  {body: structured("sync.requested", "structured-1", data), header: structuredHeader, id: "structured-1"},
		"structured, no headers": {body: structured("sync.requested", "structured-2", data), id: "structured-2"},
		"binary CloudEvent": {body: data, id: "binary-1", trace: trace, header: []string{
			"Content-Type", "application/json", "ce-specversion", "1.0", "ce-id", "binary-1", "ce-source", testSource,
			"ce-type", "com.lazi.sync.requested.v1", "ce-traceparent", trace,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			known := map[string]bool{}
			for _, d := range all[events.AcceptedData](t, w, "sync.accepted") {
				known[d.RequestID] = true
			}
			require.NoError(t, w.nc.PublishMsg(message("sync.requested", c.body, c.header...))) // as `nats pub` does
			accepted, answer := await(t, w, "sync.accepted", func(d events.AcceptedData) bool { return !known[d.RequestID] })
			require.False(t, answer.Duplicate)
			if c.id == "" {
				require.Equal(t, "nats://SYNC_COMMANDS", answer.Event.Source)
				require.Regexp(t, `^SYNC_COMMANDS-\d+-\d+$`, answer.Event.ID)
			} else {
				require.Equal(t, c.id, answer.Event.ID)
			}
			outcome := w.completed(t, answer.RequestID)
			require.Equal(t, []string{"customers"}, outcome.Entities)
			require.Equal(t, c.trace, accepted.TraceParent)
			for _, subject := range []string{"sync.started", "sync.progress", "sync.completed"} {
				received, _ := await(t, w, subject, func(d events.RunData) bool { return d.RunNumber == outcome.RunNumber })
				require.Equal(t, c.trace, received.TraceParent, subject)
				require.Equal(t, answer.WorkflowID, received.Subject, subject)
			}
		})
	}
	w.requireNotifiedOnce(t)
}

func TestRepeatedRequestIsADuplicate(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve")
	request := structured("sync.requested", "order-66", `{"mode":"full","entities":["jobs"]}`)
	requestID := events.RequestID(testSource, "order-66")
	publish := func() { w.publish(t, "sync.requested", request, structuredHeader...) }
	duplicate := func(fits func(events.AcceptedData) bool) events.AcceptedData {
		_, d := await(t, w, "sync.accepted", func(d events.AcceptedData) bool { return d.RequestID == requestID && d.Duplicate && fits(d) })
		return d
	}
	w.stack.Simulator.SetPace(pageTime)
	publish()
	first := w.accepted(t, requestID)
	publish()
	early := duplicate(func(d events.AcceptedData) bool { return true })
	require.Equal(t, first.WorkflowID, early.WorkflowID)

	outcome := w.completed(t, requestID)
	publish()
	late := duplicate(func(d events.AcceptedData) bool { return d.Outcome != nil })
	require.Equal(t, &events.OutcomeRef{Type: "com.lazi.sync.completed.v1", RunNumber: outcome.RunNumber}, late.Outcome)

	w.publish(t, "sync.requested", structured("sync.requested", "order-66", `{"mode":"full"}`), structuredHeader...)
	_, refused := w.rejected(t, func(d events.RejectedData) bool { return d.RequestID == requestID })
	require.Equal(t, events.CodeConflict, refused.Code)

	require.EqualValues(t, 1, value[int](t, w, "select count(*) from raw.sync_runs"))
	require.Len(t, all[events.StartedData](t, w, "sync.started"), 1)
}
