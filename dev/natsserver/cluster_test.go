package natsserver_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
)

const (
	patience = time.Minute
	tick     = 50 * time.Millisecond
)

// startCluster starts a cluster with a stream of three replicas.
func startCluster(t *testing.T) (*natsserver.Cluster, jetstream.JetStream) {
	t.Helper()
	c, err := natsserver.StartCluster(t.Context(), t.TempDir(), zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	nc, err := nats.Connect(c.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(tick))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}, Replicas: natsserver.ClusterSize})
	require.NoError(t, err)
	publish(t, js)
	return c, js
}

// publish publishes until the stream has acknowledged a message, which it stores once, also if an acknowledgement is
// lost.
func publish(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	once := jetstream.WithMsgID(nats.NewInbox())
	require.Eventually(t, func() bool {
		_, err := js.Publish(t.Context(), "kept", []byte("message"), once)
		return err == nil
	}, patience, tick)
}

func leader(t *testing.T, c *natsserver.Cluster, except int) (i int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var ok bool
		i, ok = c.Leader("KEPT")
		return ok && i != except
	}, patience, tick, "no other leader")
	return i
}

// current waits until all replicas of the stream are current.
func current(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	require.Eventually(t, func() bool {
		stream, err := js.Stream(t.Context(), "KEPT")
		if err != nil || stream.CachedInfo().Cluster == nil || len(stream.CachedInfo().Cluster.Replicas) != natsserver.ClusterSize-1 {
			return false
		}
		for _, r := range stream.CachedInfo().Cluster.Replicas {
			if !r.Current || r.Offline {
				return false
			}
		}
		return true
	}, patience, tick, "a replica is not current")
}

func TestClusterElectsALeaderWhenOneIsStoppedWipedAndStarted(t *testing.T) {
	t.Parallel()
	c, js := startCluster(t)
	first := leader(t, c, -1)
	c.Stop(first)
	publish(t, js)
	leader(t, c, first)

	require.NoError(t, c.Wipe(first))
	require.NoError(t, c.Start(t.Context(), first))
	require.NoError(t, c.AwaitComplete(t.Context()))
	current(t, js)
	stream, err := js.Stream(t.Context(), "KEPT")
	require.NoError(t, err)
	require.EqualValues(t, 2, stream.CachedInfo().State.Msgs)
}

func TestADisconnectedLeaderIsReplacedAndCatchesUp(t *testing.T) {
	t.Parallel()
	c, js := startCluster(t)
	first := leader(t, c, -1)
	c.Routes.Disconnect(first)
	require.Eventually(t, func() bool {
		for i := range natsserver.ClusterSize {
			if i == first {
				continue
			}
			alone, err := nats.Connect(c.ServerURL(i))
			if err != nil { // a busy server does not answer in time
				return false
			}
			defer alone.Close()
			other, err := jetstream.New(alone)
			require.NoError(t, err)
			if _, err := other.Publish(t.Context(), "kept", []byte("message")); err == nil {
				return true
			}
		}
		return false
	}, patience, tick, "the other two do not elect a leader")
	c.Routes.Connect(first)
	current(t, js)
}
