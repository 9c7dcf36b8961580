package streamtest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

func TestPublishStoresAnEventOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.conn.Publish(ctx(t), request(t, "a")))
	require.NoError(t, r.conn.Publish(ctx(t), request(t, "a")))
	require.NoError(t, r.conn.Publish(ctx(t), request(t, "b")))
	require.EqualValues(t, 2, r.stored(t, stream.StreamCommands))

	m := r.message(t, stream.StreamCommands, 1)
	require.Equal(t, "sync.requested", m.Subject)
	require.Equal(t, events.ContentType, m.Header.Get("Content-Type"))
	require.Equal(t, events.MsgID("/test", "a"), m.Header.Get("Nats-Msg-Id"))
	event, err := events.Decode(events.Message{Subject: m.Subject, Header: m.Header, Data: m.Data})
	require.NoError(t, err)
	require.Equal(t, "a", event.ID())
}

// The publisher of a command waits for an acknowledgement, and JetStream sends none for a message
// that it drops.
func TestPublishCommandStoresEachRepetition(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		require.NoError(t, r.conn.PublishCommand(ctx(t), request(t, "a")))
	}
	require.EqualValues(t, 3, r.stored(t, stream.StreamCommands))
	require.Equal(t, events.MsgID("/test", "a"), r.message(t, stream.StreamCommands, 1).Header.Get("Nats-Msg-Id"))
	for _, sequence := range []uint64{2, 3} {
		m := r.message(t, stream.StreamCommands, sequence)
		event, err := events.Decode(events.Message{Subject: m.Subject, Header: m.Header, Data: m.Data})
		require.NoError(t, err)
		require.Equal(t, "a", event.ID(), "it keeps its identity")
		require.Empty(t, m.Header.Get("Nats-Msg-Id"))
	}
}

func TestPublishStoresAnEventOnceAcrossARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.conn.Publish(ctx(t), request(t, "a")))
	r.stopServer(t)
	r.startServer(t)
	r.ready(t)
	require.NoError(t, r.conn.Publish(ctx(t), request(t, "a")))
	require.EqualValues(t, 1, r.stored(t, stream.StreamCommands))
}

func TestPublishAllReturnsOneErrorPerEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	all := requests(t, 3000)
	other := request(t, "x")
	other.SetType("com.example.other")
	all[7] = other

	errs := r.conn.PublishAll(ctx(t), all)
	require.Len(t, errs, len(all))
	for i, err := range errs {
		if i == 7 {
			require.ErrorContains(t, err, `type "com.example.other" is not in the catalogue`)
			continue
		}
		require.NoError(t, err)
	}
	require.EqualValues(t, len(all)-1, r.stored(t, stream.StreamCommands))
	require.Contains(t, string(r.message(t, stream.StreamCommands, 8).Data), `"r-8"`, "the order is kept")

	require.NoError(t, errs[0])
	for _, err := range r.conn.PublishAll(ctx(t), all[:5]) {
		require.NoError(t, err, "again is no error")
	}
	require.EqualValues(t, len(all)-1, r.stored(t, stream.StreamCommands))
}

func TestAFullStreamRejectsNewMessages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	config := r.config(t, stream.StreamCommands)
	config.MaxMsgs = 1
	_, err := r.js.UpdateStream(ctx(t), config)
	require.NoError(t, err)

	require.NoError(t, r.conn.Publish(ctx(t), request(t, "a")))
	err = r.conn.Publish(ctx(t), request(t, "b"))
	require.ErrorIs(t, err, stream.ErrFull)
	require.EqualError(t, err, `publish sync.requested "b": stream is full: maximum messages exceeded`)
	errs := r.conn.PublishAll(ctx(t), []events.Event{request(t, "a"), request(t, "c")})
	require.NoError(t, errs[0], "what is there already needs no room")
	require.ErrorIs(t, errs[1], stream.ErrFull)
	require.Contains(t, string(r.message(t, stream.StreamCommands, 1).Data), `"a"`)
}

func TestAMissingStreamIsReported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.js.DeleteStream(ctx(t), stream.StreamCommands))
	require.ErrorIs(t, r.conn.Publish(ctx(t), request(t, "a")), stream.ErrNoStream)
	require.ErrorIs(t, r.conn.PublishAll(ctx(t), requests(t, 1))[0], stream.ErrNoStream)
	require.ErrorContains(t, r.conn.Ready(ctx(t)), `stream SYNC_COMMANDS is missing, run "lazisync migrate"`)
}

func TestNothingIsPublishedWhileDisconnected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.stopServer(t)
	require.ErrorIs(t, r.conn.Publish(ctx(t), request(t, "a")), stream.ErrDisconnected)
	require.ErrorIs(t, r.conn.PublishAll(ctx(t), requests(t, 1))[0], stream.ErrDisconnected)

	r.startServer(t)
	r.ready(t)
	require.Zero(t, r.stored(t, stream.StreamCommands), "what was refused did not arrive later")
	require.NoError(t, r.conn.Publish(ctx(t), request(t, "a")))
}

func TestPublishAllEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ended, cancel := context.WithCancel(ctx(t))
	cancel()
	for _, err := range r.conn.PublishAll(ended, requests(t, 3)) {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Zero(t, r.stored(t, stream.StreamCommands))
}
