package streamtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestHistoryEndsWithTheLastStoredEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	read := func(since time.Time, limit, stopAfter int) (bodies []string) {
		t.Helper()
		require.NoError(t, r.conn.History(ctx(t), []string{"sync.started", "sync.completed"}, since, limit, func(m events.Message) bool {
			bodies = append(bodies, string(m.Data))
			return len(bodies) < stopAfter
		}))
		return bodies
	}
	hour := time.Now().Add(-time.Hour)
	require.Empty(t, read(hour, 10, 10), "of an empty stream")
	r.send(t, "sync.started", "one")
	r.send(t, "sync.failed", "another subject")
	r.send(t, "sync.completed", "two")
	r.send(t, "sync.started", "three")
	require.Equal(t, []string{"one", "two", "three"}, read(hour, 10, 10))
	require.Equal(t, []string{"one", "two"}, read(hour, 2, 10))
	require.Equal(t, []string{"one"}, read(hour, 10, 1))
	require.Empty(t, read(time.Now().Add(time.Hour), 10, 10))
}
