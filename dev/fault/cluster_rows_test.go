//go:build fault

package fault

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// replicatedStreams are the streams that store what must not be lost.
var replicatedStreams = []string{"SYNC_COMMANDS", "SYNC_EVENTS", "SYNC_DEADLETTER", "SYNC_ADVISORIES", "SYNC_INCIDENTS"}

// clusterUnderLoad starts a cluster, all roles, a full sync and a storm of requests.
func clusterUnderLoad(t *testing.T) (r *rig, stop func()) {
	t.Helper()
	r = newRig(t, options{natsCluster: true, simulator: veryManyPages})
	r.waitLimit = 5 * time.Minute // full syncs of many pages, one after another
	r.startAll(t, allRoles...)
	r.firstSync(t)
	r.stack.Simulator.SetPace(300 * time.Millisecond)
	stop = r.load(t, 50*time.Millisecond)
	r.full(t)
	r.awaitPages(t, 8)
	return r, stop
}

// measureGap returns how long no request was stored, from now on.
func (r *rig) measureGap(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	n := len(r.commands(events.KindRequest)) + 1 // one may be under way
	require.Eventually(t, func() bool { return len(r.commands(events.KindRequest)) > n }, waitLimit, tick)
	return time.Since(began)
}

// The leader of each stream is killed during a full sync and a storm of requests, and started
// again.
func TestFault62LeaderOfEachNATSStreamKilled(t *testing.T) {
	t.Parallel()
	r, stop := clusterUnderLoad(t)
	var repairedAt time.Time
	for _, stream := range replicatedStreams {
		r.awaitReplicas(t)
		leader := r.cluster.servers[r.streamLeader(t, stream)]
		leader.Kill()
		t.Logf("%s: no request was stored for %.1f s", stream, r.measureGap(t).Seconds())
		r.awaitPublished(t, 10)
		leader.restart(t)
		repairedAt = time.Now()
	}
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}

// The leader of each stream is disconnected from the other servers, but not from its clients. A
// role that is connected to it connects to another one.
func TestFault63LeaderOfEachNATSStreamDisconnected(t *testing.T) {
	t.Parallel()
	r, stop := clusterUnderLoad(t)
	var repairedAt time.Time
	for _, stream := range replicatedStreams[:2] {
		r.awaitReplicas(t)
		leader := r.streamLeader(t, stream)
		r.connectElsewhere(t, leader)
		r.cluster.routes.Disconnect(leader)
		t.Logf("%s: no request was stored for %.1f s", stream, r.measureGap(t).Seconds())
		for _, one := range r.roles {
			one.awaitReady(t)
		}
		served := r.incremental(t)
		r.awaitRunStarted(t, served)
		r.cluster.routes.Connect(leader)
		repairedAt = time.Now()
	}
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}

// The servers are restarted one after another, as during an upgrade of NATS: each when the one
// before has everything.
func TestFault64NATSClusterRestartedOneByOne(t *testing.T) {
	t.Parallel()
	r, stop := clusterUnderLoad(t)
	var longest time.Duration
	for _, one := range r.cluster.servers {
		r.awaitReplicas(t)
		one.Signal(syscall.SIGTERM)
		require.NoError(t, one.Err())
		longest = max(longest, r.measureGap(t))
		one.restart(t)
	}
	repairedAt := time.Now()
	t.Logf("no request was stored for %.1f s at most", longest.Seconds())
	r.awaitReplicas(t)
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}

// A server loses its disk and comes back under its name. Doctor names its replicas while it
// is offline, and everything is on its disk again afterwards: the other two are then lost in turn.
func TestFault65NATSServerBackWithAnEmptyDisk(t *testing.T) {
	t.Parallel()
	r, stop := clusterUnderLoad(t)
	lost := r.cluster.servers[r.streamLeader(t, "SYNC_EVENTS")]
	lost.Kill()
	require.NoError(t, os.RemoveAll(lost.options.Data))
	r.awaitPublished(t, 10)
	require.Eventually(t, func() bool { return r.doctorSays(t, "offline: "+lost.options.Name) }, waitLimit, 10*tick)
	lost.restart(t)
	r.awaitReplicas(t)
	for _, other := range r.cluster.servers {
		if other == lost {
			continue
		}
		other.Kill()
		r.awaitPublished(t, 10)
		other.restart(t)
		r.awaitReplicas(t)
	}
	repairedAt := time.Now()
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}

// The leader of the memory stream is lost with its memory. Progress continues with the replicas.
func TestFault66LeaderOfTheNATSMemoryStreamKilled(t *testing.T) {
	t.Parallel()
	r, stop := clusterUnderLoad(t)
	r.awaitReplicas(t)
	before, err := r.js.Stream(t.Context(), "SYNC_PROGRESS")
	require.NoError(t, err)
	last := before.CachedInfo().State.LastSeq
	require.Positive(t, last)
	leader := r.cluster.servers[r.streamLeader(t, "SYNC_PROGRESS")]
	leader.Kill()
	gap := time.Now()
	require.Eventually(t, func() bool {
		now, err := r.js.Stream(t.Context(), "SYNC_PROGRESS")
		return err == nil && now.CachedInfo().State.LastSeq > last
	}, waitLimit, tick, "no progress is stored")
	t.Logf("no progress was stored for %.1f s", time.Since(gap).Seconds())
	leader.restart(t)
	repairedAt := time.Now()
	r.awaitReplicas(t)
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}

// Two of three servers are lost. No role is ready, doctor says why, and everything continues when
// one of them is back.
func TestFault67NATSQuorumLost(t *testing.T) {
	t.Parallel()
	r, stop := clusterUnderLoad(t)
	r.awaitReplicas(t)
	r.cluster.servers[0].Kill()
	r.cluster.servers[1].Kill()
	r.awaitPages(t, 8) // the sync continues
	for _, one := range r.roles {
		one.awaitNotReady(t)
	}
	require.Eventually(t, func() bool { return r.doctorSays(t, "more than half of its replicas must be online") }, waitLimit, 10*tick)
	r.cluster.servers[1].restart(t)
	repairedAt := time.Now()
	for _, one := range r.roles {
		one.awaitReady(t)
	}
	r.awaitPublished(t, 10)
	r.cluster.servers[0].restart(t)
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}
