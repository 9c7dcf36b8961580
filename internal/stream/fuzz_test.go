package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// FuzzDeadLetter dead-letters messages with any headers and bytes, reads them decoded and replays
// them.
func FuzzDeadLetter(f *testing.F) {
	for _, header := range []string{
		"", "Nats-Msg-Id: mine", "nats-msg-id: mine", "Status: 409", "STATUS: 1", "Lazisync-Reason: forged", "lazisync-original-X: y",
		"Lazisync-First-Stored: 2026-01-01T00:00:00Z", "X-Own: kept\nX-Own: twice", "ce-id: 1\nce-source: /a\nce-specversion: 1.0\nce-type: com.lazi.sync.requested.v1",
		"Content-Type: application/json", "Nats-Rollup: all", "Nats-Expected-Last-Sequence: 1",
	} {
		f.Add(header, []byte(`{"mode":"full"}`), "unknown field")
		f.Add(header, []byte("\x00\xff not JSON"), "a reason\r\nin \x00 lines")
	}
	f.Fuzz(func(t *testing.T, lines string, body []byte, reason string) {
		header := map[string][]string{}
		for line := range strings.Lines(lines) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				header[name] = append(header[name], value)
			}
		}
		m := events.Message{
			Subject: "sync.requested", Header: header, Data: body, Stream: StreamCommands, Sequence: 7, Stored: time.Unix(1, 2).UTC(),
		}
		encoded := encodeDeadLetter(m, events.Rejection{Code: events.CodeNotJSON, Reason: reason}, 3)
		for name, values := range encoded.Header {
			if lower := strings.ToLower(name); lower == "status" || strings.HasPrefix(lower, "nats-") && name != jetstream.MsgIDHeader {
				t.Fatalf("the server would act on %s: %q", name, values)
			}
		}
		require.NotContains(t, encoded.Header.Get(headerReason), "\n")

		decoded := decodeDeadLetter(&jetstream.RawStreamMsg{Subject: encoded.Subject, Header: encoded.Header, Data: encoded.Data, Sequence: 1})
		require.Equal(t, m, decoded.Message)
		require.EqualValues(t, 3, decoded.Attempts)

		again := replayMessage(decoded.Message)
		before, readable := events.Decode(m)
		if readable != nil {
			require.Equal(t, body, again.Data, "what cannot be read keeps its bytes")
			return
		}
		after, err := events.Decode(events.Message{Subject: again.Subject, Header: again.Header, Data: again.Data, Stream: StreamCommands, Sequence: 8})
		if len(again.Data) > events.MaxCommandSize {
			return // an envelope around bare data at the limit
		}
		require.NoError(t, err)
		require.Equal(t, before.ID(), after.ID())
		require.Equal(t, before.Source(), after.Source())
	})
}
