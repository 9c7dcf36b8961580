package fault

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
)

// natsCluster is three NATS servers, each in its own process.
type natsCluster struct {
	servers []*server
	routes  *natsserver.Routes
}

// startNATSCluster starts one server for each folder in dirs, in temporary folders if dirs is nil. durable is the
// option Durable of each server.
func startNATSCluster(t *testing.T, dirs []string, durable bool) *natsCluster {
	t.Helper()
	routes, err := natsserver.NewRoutes(natsserver.ClusterSize)
	require.NoError(t, err)
	t.Cleanup(routes.Close)
	c := &natsCluster{routes: routes}
	dir := t.TempDir()
	for i := range natsserver.ClusterSize {
		name := natsserver.NodeName(i)
		data := filepath.Join(dir, name)
		if dirs != nil {
			data = dirs[i]
		}
		s := newServer(t, serverOptions{Kind: natsKind, Name: name, Data: data, Node: routes.Node(i), Durable: durable})
		s.run(t)
		c.servers = append(c.servers, s)
	}
	return c
}

// url returns the addresses of all servers.
func (c *natsCluster) url() string {
	var urls []string
	for _, s := range c.servers {
		urls = append(urls, "nats://"+s.addr())
	}
	return strings.Join(urls, ",")
}

// streamLeader returns the server that leads a stream.
func (r *rig) streamLeader(t *testing.T, stream string) (leader int) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := r.js.Stream(t.Context(), stream)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		leader = slices.IndexFunc(r.cluster.servers, func(one *server) bool { return one.options.Name == s.CachedInfo().Cluster.Leader })
		return leader >= 0
	}, waitLimit, tick, "%s has no leader", stream)
	return leader
}

// awaitPlacement waits until a stream can have three replicas: a moment after the election, the leader does not
// know the storage of the other servers yet.
func (r *rig) awaitPlacement(t *testing.T) {
	t.Helper()
	probe := jetstream.StreamConfig{Name: "PROBE", Subjects: []string{"probe"}, Replicas: natsserver.ClusterSize}
	require.Eventually(t, func() bool {
		_, err := r.js.CreateOrUpdateStream(t.Context(), probe)
		return err == nil
	}, waitLimit, tick, "the servers are no cluster")
	require.NoError(t, r.js.DeleteStream(t.Context(), probe.Name))
}

// awaitReplicas waits until every replica of every stream and consumer has everything. It asks for each by name:
// a list of their states omits those that have no leader.
func (r *rig) awaitReplicas(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		streams, n := r.js.StreamNames(t.Context()), 0
		for name := range streams.Name() {
			n++
			s, err := r.js.Stream(t.Context(), name)
			if err != nil || !isComplete(s.CachedInfo().Cluster) || !hasReplicas(t, s) {
				return false
			}
		}
		return streams.Err() == nil && n > 0 // a cluster without a leader lists nothing
	}, waitLimit, tick, "a replica is behind")
}

// hasReplicas reports whether every replica of every durable consumer has everything.
func hasReplicas(t *testing.T, s jetstream.Stream) bool {
	names := s.ConsumerNames(t.Context())
	for name := range names.Name() {
		c, err := s.Consumer(t.Context(), name)
		if err != nil || c.CachedInfo().Config.Durable != "" && !isComplete(c.CachedInfo().Cluster) {
			return false
		}
	}
	return names.Err() == nil
}

func isComplete(info *jetstream.ClusterInfo) bool {
	return info != nil && info.Leader != "" && len(info.Replicas) == natsserver.ClusterSize-1 &&
		!slices.ContainsFunc(info.Replicas, func(p *jetstream.PeerInfo) bool { return p.Offline || !p.Current })
}

// connectElsewhere moves the rig's own connection to another server than the given one.
func (r *rig) connectElsewhere(t *testing.T, than int) {
	t.Helper()
	require.Eventually(t, func() bool {
		if r.nc.IsConnected() && r.nc.ConnectedServerName() != natsserver.NodeName(than) {
			return true
		}
		_ = r.nc.ForceReconnect() // a closed connection fails the condition
		return false
	}, waitLimit, 10*tick)
}
