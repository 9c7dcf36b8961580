package streamtest

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/dev/ports"
	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// connectWith connects with options and waits until it is connected.
func connectWith(t *testing.T, o stream.Options) *stream.Conn {
	t.Helper()
	o.Name = "test"
	conn, err := stream.Connect(o)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	require.Eventually(t, func() bool {
		_, err := conn.Server(ctx(t))
		return err == nil
	}, patience, tick)
	return conn
}

func startCluster(t *testing.T) *natsserver.Cluster {
	t.Helper()
	c, err := natsserver.StartCluster(t.Context(), t.TempDir(), zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// replicas returns the number of replicas of each stream and consumer that have a leader. The others do not answer.
func replicas(t *testing.T, url string) map[string]int {
	t.Helper()
	found := map[string]int{}
	nc, err := nats.Connect(url)
	if err != nil {
		return found
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	for info := range js.ListStreams(ctx(t)).Info() {
		s, err := js.Stream(soon(t), info.Config.Name)
		if err != nil {
			continue
		}
		found[info.Config.Name] = info.Config.Replicas
		for consumer := range s.ListConsumers(ctx(t)).Info() {
			require.Zero(t, consumer.Config.Replicas, "%s has those of its stream", consumer.Name)
			if consumer.Cluster != nil {
				found[info.Config.Name+"/"+consumer.Name] = 1 + len(consumer.Cluster.Replicas)
			}
		}
	}
	return found
}

// requireReplicas waits until every stream and consumer has a number of replicas. A list omits a stream that has no
// leader yet.
func requireReplicas(t *testing.T, c *natsserver.Cluster, want int) {
	t.Helper()
	var found map[string]int
	require.Eventually(t, func() bool {
		found = replicas(t, c.URL())
		for _, n := range found {
			if n != want {
				return false
			}
		}
		return len(found) == 6+len(stream.Consumers())
	}, patience, tick, "want %d of each: %v", want, found)
}

// TestReplicasAreRaisedAndNeverLowered: migrate raises the replicas of streams and consumers, also
// of the memory stream, and keeps more than are configured.
func TestReplicasAreRaisedAndNeverLowered(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	one := connectWith(t, stream.Options{URL: c.URL()})
	_, err := one.Declare(long(t))
	require.NoError(t, err)
	requireReplicas(t, c, 1)

	three := connectWith(t, stream.Options{URL: c.URL(), Replicas: 3})
	drift, err := three.Drift(ctx(t), stream.Consumers()...)
	require.NoError(t, err)
	require.Len(t, drift, 6)
	for _, d := range drift {
		require.Equal(t, "num_replicas is 1, want 3", d.Field+" is "+d.Got+", want "+d.Want)
		require.False(t, d.Blocks, "fewer replicas are a risk, not an outage")
	}
	changes, err := three.Declare(long(t))
	require.NoError(t, err)
	require.Len(t, changes, 6)
	require.Contains(t, changes, "stream SYNC_PROGRESS: num_replicas 1 -> 3")
	requireReplicas(t, c, 3)

	for _, conn := range []*stream.Conn{one, three} {
		changes, err = conn.Declare(long(t))
		require.NoError(t, err)
		require.Empty(t, changes)
	}
}

// TestReplicasThatTheServersCannotStore: the error names the variable and what to do.
func TestReplicasThatTheServersCannotStore(t *testing.T) {
	t.Parallel()
	r := newRig(t) // streams with one replica
	three := connectWith(t, stream.Options{URL: r.server.URL(), Replicas: 3})
	_, err := three.Declare(ctx(t))
	require.ErrorContains(t, err, "declare stream SYNC_COMMANDS: change num_replicas from 1 to 3: ")
	require.ErrorContains(t, err, "belongs to no cluster, so that streams have one replica: set NATS_REPLICAS=1")
	require.NotContains(t, err.Error(), "recreate the stream")

	empty, err := natsserver.Start(ctx(t), natsserver.Options{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(empty.Stop)
	_, err = connectWith(t, stream.Options{URL: empty.URL(), Replicas: 3}).Declare(ctx(t))
	require.ErrorContains(t, err, "set NATS_REPLICAS=1")

	c := startCluster(t)
	_, err = connectWith(t, stream.Options{URL: c.URL(), Replicas: 5}).Declare(long(t))
	require.ErrorContains(t, err, "start as many NATS servers with JetStream as NATS_REPLICAS says")
}

// TestIncidentsOfSeveralReplicas: of two values for the same revision one is stored.
func TestIncidentsOfSeveralReplicas(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	conn := connectWith(t, stream.Options{URL: c.URL(), Replicas: 3})
	_, err := conn.Declare(long(t))
	require.NoError(t, err)
	const rivals = 8
	for round := range 10 {
		_, revision, err := conn.Incidents().Load(ctx(t), "a")
		require.NoError(t, err)
		stored := make(chan bool, rivals)
		for range rivals {
			go func() {
				ok, err := conn.Incidents().Store(ctx(t), "a", []byte("value"), revision)
				stored <- ok && err == nil
				if err != nil {
					t.Error(err)
				}
			}()
		}
		count := 0
		for range rivals {
			if <-stored {
				count++
			}
		}
		require.Equal(t, 1, count, "round %d", round)
	}
}

// TestDomain uses the streams of another server through a leaf node without JetStream.
func TestDomain(t *testing.T) {
	t.Parallel()
	free, err := ports.Free(1)
	require.NoError(t, err)
	hub, err := server.NewServer(&server.Options{
		ServerName: "hub", Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, JetStreamDomain: "hub", StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		LeafNode: server.LeafNodeOpts{Host: "127.0.0.1", Port: free[0]},
	})
	require.NoError(t, err)
	start(t, hub)
	leafOptions := &server.Options{ServerName: "leaf", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true}
	at, err := url.Parse("nats://" + ports.Addr(free[0]))
	require.NoError(t, err)
	leafOptions.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{at}}}
	leaf, err := server.NewServer(leafOptions)
	require.NoError(t, err)
	start(t, leaf)
	require.Eventually(t, func() bool { return natsserver.HasDomain(leaf.ClientURL(), "hub") }, patience, tick)

	log := &process.Log{}
	conn := connectWith(t, stream.Options{URL: leaf.ClientURL(), Domain: "hub", Logger: zerolog.New(log)})
	_, err = conn.Declare(ctx(t))
	require.NoError(t, err)
	r := &rig{conn: conn, log: log}
	var handled seen[string]
	r.consume(t, stream.ConsumerRequests, many, func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			handled.add(string(m.Event().Data))
		}
		return ackAll(ctx, batch)
	})
	var followed seen[events.Message]
	require.NoError(t, conn.Subscribe(t.Context(), []string{"sync.requested"}, stream.StartPosition{}, followed.add))
	require.NoError(t, conn.Publish(ctx(t), request(t, "one")))
	handled.await(t, 1)
	followed.await(t, 1)
	require.NoError(t, conn.Ready(ctx(t), stream.ConsumerRequests, stream.ConsumerMaxDeliveries))
	require.NoError(t, conn.CheckStore(ctx(t), "sync.requested", "sync.completed"))
	require.NoError(t, conn.CheckRead(ctx(t), stream.StreamCommands))
	require.NoError(t, conn.CheckFetch(ctx(t), stream.ConsumerRequests, 10))
	_, _, err = conn.Incidents().Load(ctx(t), "none")
	require.NoError(t, err)

	other := connectWith(t, stream.Options{URL: leaf.ClientURL(), Domain: "lake"})
	_, err = other.Declare(ctx(t))
	require.ErrorContains(t, err, `no server answers for the JetStream domain "lake": correct NATS_JS_DOMAIN`)
	require.ErrorContains(t, other.Ready(ctx(t)), "correct NATS_JS_DOMAIN")
}

func start(t *testing.T, s *server.Server) {
	t.Helper()
	s.Start()
	t.Cleanup(s.WaitForShutdown)
	t.Cleanup(s.Shutdown)
	require.True(t, s.ReadyForConnections(patience))
}

// long bounds calls that elect leaders.
func long(t *testing.T) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	return c
}

// TestLostReplicasAreReported: one server less is reported, two less leave no leader, and no role
// is ready until they are back.
func TestLostReplicasAreReported(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	conn := connectWith(t, stream.Options{URL: c.URL(), Replicas: 3})
	_, err := conn.Declare(long(t))
	require.NoError(t, err)
	states := func() []stream.ReplicaState {
		all, err := conn.Streams(soon(t), stream.Consumers()...)
		if err != nil {
			return nil
		}
		var replicas []stream.ReplicaState
		for _, s := range all {
			replicas = append(replicas, s.Replicas)
			for _, consumer := range s.Consumers {
				replicas = append(replicas, consumer.Replicas)
			}
		}
		return replicas
	}
	var seen string // the first state of the last look
	offline := func(names ...string) func() bool {
		return func() bool {
			all := states()
			for _, s := range all {
				seen = all[0].String()
				if s.Leader == "" || s.Others != 2 || len(s.Behind) > 0 || !slices.Equal(s.Offline, names) {
					return false
				}
			}
			return len(all) == 6+len(stream.Consumers())
		}
	}
	ready := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return conn.Ready(ctx, stream.Consumers()...)
	}
	isReady := func() bool { return ready() == nil }
	require.Eventually(t, offline(), 3*patience, tick)
	require.Eventually(t, isReady, 3*patience, tick)

	c.Stop(2)
	require.Eventually(t, offline("n2"), 3*patience, tick)
	require.Contains(t, seen, "3 replicas, leader n")
	require.Contains(t, seen, ", offline: n2")
	require.Eventually(t, isReady, 3*patience, tick)

	c.Stop(1)
	require.Eventually(t, func() bool {
		err := ready()
		return err != nil && strings.Contains(err.Error(), stream.FixLeader)
	}, 3*patience, tick)
	require.Error(t, conn.Publish(soon(t), request(t, "lost")))

	require.NoError(t, c.Start(t.Context(), 1))
	require.NoError(t, c.Start(t.Context(), 2))
	require.Eventually(t, isReady, 3*patience, tick)
	require.NoError(t, conn.Publish(long(t), request(t, "stored")))
	require.Eventually(t, offline(), 3*patience, tick)
}

// TestAConnectionLeavesAServerThatIsDisconnectedFromTheOthers: that server keeps its clients, but
// stores and delivers nothing.
func TestAConnectionLeavesAServerThatIsDisconnectedFromTheOthers(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	conn := connectWith(t, stream.Options{URL: c.URL(), Replicas: 3})
	_, err := conn.Declare(long(t))
	require.NoError(t, err)
	before, err := conn.Server(ctx(t))
	require.NoError(t, err)
	alone := -1
	for i := range natsserver.ClusterSize {
		if c.ServerURL(i) == before.Address {
			alone = i
		}
	}
	require.GreaterOrEqual(t, alone, 0, before.Address)

	c.Routes.Disconnect(alone)
	require.Eventually(t, func() bool {
		now, err := conn.Server(ctx(t))
		return err == nil && now.Address != before.Address
	}, 3*patience, tick)
	require.Eventually(t, func() bool { return conn.Ready(soon(t), stream.Consumers()...) == nil }, 3*patience, tick)
	require.NoError(t, conn.Publish(long(t), request(t, "stored")))
}
