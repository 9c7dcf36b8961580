package e2e

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

func TestInvalidCommandsAreRejectedAndDeadLettered(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve")
	for name, c := range map[string]struct {
		subject, body string
		header        []string
		code          events.RejectCode
		want          string // path, value and expectation
	}{
		"not JSON": {
			subject: "sync.requested", body: "please sync", code: events.CodeNotJSON,
			want: `got invalid JSON (byte 1: invalid character 'p' looking for beginning of value), want one JSON object`,
		},
		"wrong type of a field": {
			subject: "sync.requested", body: `{"mode":"full","entities":"customers"}`, code: events.CodeInvalidData,
			want: `entities: got "customers", want an array`,
		},
		"type of another subject": {
			subject: "sync.requested", header: structuredHeader, code: events.CodeTypeMismatch,
			body: strings.Replace(structured("sync.requested", "wrong-type", `{"mode":"full"}`), "sync.requested.v1", "sync.control.v1", 1),
			want: `type: got "com.lazi.sync.control.v1", want com.lazi.sync.requested.v1 on NATS subject sync.requested`,
		},
		"type that is none": {
			subject: "sync.requested", header: structuredHeader, code: events.CodeTypeMismatch,
			body: strings.Replace(structured("sync.requested", "no-type", `{"mode":"full"}`), "sync.requested.v1", "sync.now", 1),
			want: `type: got "com.lazi.sync.now", want com.lazi.sync.requested.v1 on NATS subject sync.requested`,
		},
		"unknown field": {
			subject: "sync.requested", body: `{"mode":"full","entites":["customers"]}`, code: events.CodeInvalidData,
			want: `entites: got an unknown field, want entities`,
		},
		"wrong type": {
			subject: "sync.requested", body: `{"mode":"full","notify":"yes"}`, code: events.CodeInvalidData,
			want: `notify: got "yes", want a boolean`,
		},
		"unknown entity": {
			subject: "sync.requested", body: `{"mode":"full","entities":["customers","jbos"]}`, code: events.CodeUnknownEntity,
			want: `entities[1]: got "jbos", want a known entity (did you mean jobs?)`,
		},
		"unknown tenant": {
			subject: "sync.requested", body: `{"mode":"full","tenantId":"1"}`, code: events.CodeUnknownTenant,
			want: `tenantId: got "1", want ` + w.tenant,
		},
		"control of an unknown run": {
			subject: "sync.control", body: `{"action":"pause","workflowId":"full-sync-unknown"}`, code: events.CodeUnknownRun,
			want: `workflowId: got "full-sync-unknown", a workflow without requests, want the workflow ID of a run`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.publish(t, c.subject, c.body, append([]string{"X-Trail", name}, c.header...)...)
			notified, d := w.rejected(t, func(d events.RejectedData) bool { return w.deadLetter(t, d.DeadLetter).Header.Get("X-Trail") == name })
			require.Equal(t, "com.lazi.sync.rejected.v1", notified.Type)
			require.Equal(t, c.code, d.Code)
			require.Equal(t, c.subject, d.Subject)
			require.Len(t, d.Errors, 1)
			require.Equal(t, c.want, d.Errors[0].String())

			deadLetter := w.deadLetter(t, d.DeadLetter)
			require.Equal(t, "deadletter."+c.subject, deadLetter.Subject)
			require.Equal(t, c.body, string(deadLetter.Data))
		})
	}
	require.Zero(t, value[int](t, w, "select count(*) from raw.sync_runs"))
}

// deadLetter reads a dead letter from the stream.
func (w *fixture) deadLetter(t *testing.T, at events.DeadLetter) *jetstream.RawStreamMsg {
	t.Helper()
	stream, err := w.js.Stream(t.Context(), at.Stream)
	require.NoError(t, err)
	m, err := stream.GetMsg(t.Context(), at.Sequence)
	require.NoError(t, err)
	return m
}

func TestDeadLettersAreListedShownAndReplayed(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 50}})
	w.start(t, "serve")
	w.stack.Simulator.SetPace(pageTime)
	w.publish(t, "sync.requested", `{"mode":"full","entities":["jbos"]}`, "X-Trail", "kept")
	w.rejected(t, func(d events.RejectedData) bool { return d.DeadLetter.Sequence == 1 })
	// A control that arrives before its run is valid later.
	const id = "not-yet"
	requestID := events.RequestID(testSource, id)
	early := w.control(t, `{"action":"cancel","workflowId":"full-sync-`+requestID+`","reason":"on second thought"}`)
	w.rejected(t, func(d events.RejectedData) bool { return d.DeadLetter.Sequence == 2 })

	list := w.run(t, "deadletter", "ls")
	require.Zero(t, list.code, list.errors)
	require.Regexp(t, `(?m)^1 .* sync\.requested +unknownEntity +1 +open +entities\[0\]: got "jbos"`, list.out)
	require.Regexp(t, `(?m)^2 .* sync\.control +unknownRun +1 +open +workflowId: got "full-sync-`+requestID, list.out)
	for _, flag := range []string{"--code", "--class"} { // the former name
		some := w.run(t, "deadletter", "ls", flag, "unknownRun", "--json")
		require.Zero(t, some.code, some.errors)
		require.Equal(t, 1, strings.Count(some.out, "\n"))
	}

	shown := w.run(t, "deadletter", "show", "1")
	require.Zero(t, shown.code, shown.errors)
	require.Contains(t, shown.out, "code      unknownEntity\n")
	require.Contains(t, shown.out, "header    X-Trail: kept\n")
	require.Contains(t, shown.out, "\n\n"+`{"mode":"full","entities":["jbos"]}`+"\n")

	// An unchanged invalid command is rejected again after its replay, under the same identity.
	again := w.run(t, "deadletter", "replay", "1")
	require.Equal(t, 4, again.code, again.errors)
	require.Contains(t, again.out, "dead letter 1 replayed as SYNC_COMMANDS")
	require.Contains(t, again.out, "dead letter 1 rejected again, now dead letter 3: unknownEntity: entities[0]: got")
	_, first := w.rejected(t, func(d events.RejectedData) bool { return d.DeadLetter.Sequence == 1 })
	_, second := w.rejected(t, func(d events.RejectedData) bool { return d.DeadLetter.Sequence == 3 })
	require.Equal(t, first.RequestID, second.RequestID)

	// A replay of several sequences replays a message that is stored twice only once.
	once := w.run(t, "deadletter", "replay", "--all")
	require.Equal(t, 4, once.code, once.errors)
	require.Regexp(t, `^1 control not replayed, .*\ndead letter 3 replayed as SYNC_COMMANDS \d+\ndead letter 3 rejected again, now dead letter 4: .*\n$`, once.out)
	require.Equal(t, "2 open, 2 dismissed or replayed", w.examine(t, 0)["dead letters"].Detail)
	dismissed := w.run(t, "deadletter", "dismiss", "4", "--reason", "a typing error")
	require.Equal(t, result{0, "dead letter 4 dismissed\n", ""}, dismissed)
	require.Equal(t, "1 open, 3 dismissed or replayed", w.examine(t, 0)["dead letters"].Detail)
	require.Regexp(t, `(?m)^dismissed \d+ s ago by tester: a typing error$`, w.run(t, "deadletter", "show", "4").out)
	require.Regexp(t, `^SEQUENCE .*\n2 .* unknownRun .*\n$`, w.run(t, "deadletter", "ls", "--open").out)

	w.publish(t, "sync.requested", structured("sync.requested", id, `{"mode":"full"}`), structuredHeader...)
	w.awaitPages(t, 8)
	require.Zero(t, w.run(t, "deadletter", "replay", "--class", "unknownRun", "--since", "1h").code)
	require.Equal(t, events.KindControl, w.accepted(t, early).Kind)
	require.Equal(t, "on second thought", w.outcome(t, "sync.cancelled", requestID).Reason)
	require.Contains(t, w.run(t, "deadletter", "ls").out, "  applied to full-sync-"+requestID+"  ")
	require.Equal(t, "No dead letter matches.\n", w.run(t, "deadletter", "ls", "--open").out)

	require.Equal(t, 1, w.run(t, "deadletter", "show", "99").code)
}
