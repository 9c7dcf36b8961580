package streamtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

var subjects = []string{"sync.completed", "sync.progress"}

func TestSubscribeStartsWithNewMessages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.completed", "old")
	got := r.follow(t, t.Context(), stream.StartPosition{})
	r.send(t, "sync.failed", "not asked for")
	r.send(t, "sync.completed", "new")
	require.Equal(t, []string{"new"}, got.await(t, 1))
	r.send(t, "sync.progress", "half")
	require.Equal(t, []string{"new", "half"}, got.await(t, 2))
}

func TestSubscribeResumesAfterASequence(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.completed", "one")
	second := r.send(t, "sync.completed", "two")
	r.send(t, "sync.completed", "three")

	after := r.follow(t, t.Context(), stream.StartPosition{After: map[string]uint64{stream.StreamEvents: second.Sequence}})
	require.Equal(t, []string{"three"}, after.await(t, 1))
	since := r.follow(t, t.Context(), stream.StartPosition{Time: time.Now().Add(-time.Hour)})
	require.Equal(t, []string{"one", "two", "three"}, since.await(t, 3))

	beyond := r.follow(t, t.Context(), stream.StartPosition{After: map[string]uint64{stream.StreamEvents: 1000}})
	r.send(t, "sync.completed", "four")
	require.Equal(t, []string{"four"}, beyond.await(t, 1), "the sequence of a stream that is no more")
}

func TestSubscribeMissesNothingAcrossAServerRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	got := r.follow(t, t.Context(), stream.StartPosition{})
	r.send(t, "sync.completed", "before")
	got.await(t, 1)

	r.stopServer(t)
	r.startServer(t)
	require.Eventually(t, func() bool { return r.nc.IsConnected() }, patience, tick)
	r.send(t, "sync.completed", "after")
	require.Equal(t, []string{"before", "after"}, got.await(t, 2))
	r.ready(t)
	require.NoError(t, r.nc.Publish("sync.progress", []byte("half")))
	require.Equal(t, []string{"before", "after", "half"}, got.await(t, 3), "although its stream was recreated")
}

func TestSubscribeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	following, stop := context.WithCancel(t.Context())
	ended := r.follow(t, following, stream.StartPosition{})
	going := r.follow(t, t.Context(), stream.StartPosition{})
	r.send(t, "sync.completed", "one")
	ended.await(t, 1)
	stop()
	r.send(t, "sync.completed", "two")
	going.await(t, 2)
	require.Equal(t, []string{"one"}, ended.list())
}

func TestSubscribeToASubjectOfNoStream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	err := r.conn.Subscribe(ctx(t), []string{"sync.complete"}, stream.StartPosition{}, nil)
	require.EqualError(t, err, `subscribe to "sync.complete": no declared stream has this subject`)
}

func (r *rig) follow(t *testing.T, following context.Context, from stream.StartPosition) *seen[string] {
	t.Helper()
	got := &seen[string]{}
	require.NoError(t, r.conn.Subscribe(following, subjects, from, func(m events.Message) { got.add(string(m.Data)) }))
	return got
}
