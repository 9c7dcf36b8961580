package gateway

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events/eventstest"
)

func TestEventStreamHasEventsOfALaterVersion(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	lines := follow(t.Context(), t, s.url)
	for _, l := range eventstest.Later(t, "../..") {
		s.fakeStream.deliver(l.Message)
		require.Equal(t, l.Message.Subject, next(t, lines, "event: "), l.Name)
		var event struct{ Data json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte(next(t, lines, "data: ")), &event), l.Name)
		want, err := json.Marshal(l.Data)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(event.Data), l.Name)
	}
}
