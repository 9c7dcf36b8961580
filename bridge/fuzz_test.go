package bridge_test

import (
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// FuzzCommand hands the bridge whatever may be published on its subjects. Every message is
// answered and settled once, and a second delivery of it starts and signals nothing more.
func FuzzCommand(f *testing.F) {
	for _, body := range []string{
		`{"mode":"full"}`, `{"mode":"incremental","entities":["jobs"]}`, `{"mode":"full","entities":["*"]}`, `{"mode":"full","tenantId":"7"}`,
		`{"mode":"rebuild","entities":["jobs"]}`, `{"action":"cancel","requestId":"x"}`, `{"action":"pause","workflowId":"incremental-sync-985"}`,
		`{"specversion":"1.0","id":"e","source":"/s","type":"com.lazi.sync.requested.v1","data":{"mode":"full"},"traceparent":"00-1"}`,
		`{"specversion":"1.0","id":"` + "\u0085" + `","source":"/s","type":"com.lazi.sync.control.v1","data":{"action":"pause","workflowId":"a"}}`,
		``, `null`, `{}`, `{"mode":"full","reason":"\u0000"}`,
	} {
		f.Add(body, true)
		f.Add(body, false)
	}
	f.Fuzz(func(t *testing.T, body string, control bool) {
		w := newWorld(t)
		w.bridge.Logger = zerolog.Nop()
		subject, handle := "sync.requested", w.requests
		if control {
			subject, handle = "sync.control", w.controls
		}
		m := w.raw(subject, body)
		require.NoError(t, handle(m))
		require.NotEmpty(t, m.ended)
		accepted, rejected := published(t, w, events.Accepted), published(t, w, events.Rejected)
		if control && len(accepted)+len(rejected) == 0 {
			require.Len(t, w.ledger.Controls(), 1, "it waits for its request")
		} else {
			require.Len(t, append(w.rejections(t), make([]string, len(accepted))...), 1, "one answer")
		}
		require.Len(t, w.publisher.DeadLetters(), len(rejected))
		started := len(w.temporal.Executions())
		require.NoError(t, handle(m))
		require.Len(t, w.temporal.Executions(), started)
	})
}
