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

// onClusterUnderLoad calls harm on a cluster during a full sync and a storm of requests, when every
// replica has everything. harm also repairs. Afterwards the replicas catch up and the oracle holds.
func onClusterUnderLoad(t *testing.T, harm func(r *rig)) {
	t.Helper()
	r := newRig(t, options{natsCluster: true, simulator: veryManyPages})
	r.waitLimit = 5 * time.Minute // full syncs of many pages, one after another
	r.startAll(t, allRoles...)
	r.firstSync(t)
	r.stack.Simulator.SetPace(300 * time.Millisecond)
	stop := r.load(t, 50*time.Millisecond)
	r.full(t)
	r.awaitPages(t, 8)
	r.awaitReplicas(t)
	harm(r)
	repairedAt := time.Now()
	r.awaitReplicas(t)
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}

// onLeadersUnderLoad calls harm on a cluster under load for each of the streams in turn, with the
// number of the server that leads it. harm also repairs.
func onLeadersUnderLoad(t *testing.T, streams []string, harm func(r *rig, stream string, leader int)) {
	t.Helper()
	onClusterUnderLoad(t, func(r *rig) {
		for _, stream := range streams {
			r.awaitReplicas(t)
			harm(r, stream, r.streamLeader(t, stream))
		}
	})
}

// measureGap returns how long no request was stored, from now on.
func (r *rig) measureGap(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	n := len(r.commands(events.KindRequest)) + 1 // one may be under way
	require.Eventually(t, func() bool { return len(r.commands(events.KindRequest)) > n }, waitLimit, tick)
	return time.Since(began)
}

// The leader of each stream is killed and started again.
func TestFault62LeaderOfEachNATSStreamKilled(t *testing.T) {
	t.Parallel()
	onLeadersUnderLoad(t, replicatedStreams, func(r *rig, stream string, leader int) {
		r.cluster.servers[leader].Kill()
		t.Logf("%s: no request was stored for %.1f s", stream, r.measureGap(t).Seconds())
		r.awaitPublished(t, 10)
		r.cluster.servers[leader].restart(t)
	})
}

// The leader of each stream is disconnected from the other servers, but not from its clients. A
// role that is connected to it connects to another one.
func TestFault63LeaderOfEachNATSStreamDisconnected(t *testing.T) {
	t.Parallel()
	onLeadersUnderLoad(t, replicatedStreams[:2], func(r *rig, stream string, leader int) {
		r.connectElsewhere(t, leader)
		r.cluster.routes.Disconnect(leader)
		t.Logf("%s: no request was stored for %.1f s", stream, r.measureGap(t).Seconds())
		for _, one := range r.roles {
			one.awaitReady(t)
		}
		r.awaitRunStarted(t, r.incremental(t))
		r.cluster.routes.Connect(leader)
	})
}

// The servers are restarted one after another, as during an upgrade of NATS: each when the one
// before has everything.
func TestFault64NATSClusterRestartedOneByOne(t *testing.T) {
	t.Parallel()
	onClusterUnderLoad(t, func(r *rig) {
		var longest time.Duration
		for _, one := range r.cluster.servers {
			r.awaitReplicas(t)
			one.Signal(syscall.SIGTERM)
			require.NoError(t, one.Err())
			longest = max(longest, r.measureGap(t))
			one.restart(t)
		}
		t.Logf("no request was stored for %.1f s at most", longest.Seconds())
	})
}

// A server loses its disk and comes back under its name. Doctor names its replicas while it
// is offline, and everything is on its disk again afterwards: the other two are then lost in turn.
func TestFault65NATSServerBackWithAnEmptyDisk(t *testing.T) {
	t.Parallel()
	onLeadersUnderLoad(t, []string{"SYNC_EVENTS"}, func(r *rig, _ string, leader int) {
		lost := r.cluster.servers[leader]
		lost.Kill()
		require.NoError(t, os.RemoveAll(lost.options.Data))
		r.awaitPublished(t, 10)
		require.Eventually(t, func() bool { return r.doctorSays(t, "offline: "+lost.options.Name) }, waitLimit, 10*tick)
		lost.restart(t)
		for _, other := range r.cluster.servers {
			if other == lost {
				continue
			}
			r.awaitReplicas(t)
			other.Kill()
			r.awaitPublished(t, 10)
			other.restart(t)
		}
	})
}

// The leader of the memory stream is lost with its memory. Progress continues with the replicas.
func TestFault66LeaderOfTheNATSMemoryStreamKilled(t *testing.T) {
	t.Parallel()
	onLeadersUnderLoad(t, []string{"SYNC_PROGRESS"}, func(r *rig, stream string, leader int) {
		before, err := r.js.Stream(t.Context(), stream)
		require.NoError(t, err)
		last := before.CachedInfo().State.LastSeq
		require.Positive(t, last)
		r.cluster.servers[leader].Kill()
		gap := time.Now()
		require.Eventually(t, func() bool {
			now, err := r.js.Stream(t.Context(), stream)
			return err == nil && now.CachedInfo().State.LastSeq > last
		}, waitLimit, tick, "no progress is stored")
		t.Logf("no progress was stored for %.1f s", time.Since(gap).Seconds())
		r.cluster.servers[leader].restart(t)
	})
}

// Two of three servers are lost. No role is ready, doctor says why, and everything continues when
// one of them is back.
func TestFault67NATSQuorumLost(t *testing.T) {
	t.Parallel()
	onClusterUnderLoad(t, func(r *rig) {
		r.cluster.servers[0].Kill()
		r.cluster.servers[1].Kill()
		r.awaitPages(t, 8) // the sync continues
		for _, one := range r.roles {
			one.awaitNotReady(t)
		}
		require.Eventually(t, func() bool { return r.doctorSays(t, "more than half of its replicas must be online") }, waitLimit, 10*tick)
		r.cluster.servers[1].restart(t)
		for _, one := range r.roles {
			one.awaitReady(t)
		}
		r.awaitPublished(t, 10)
		r.cluster.servers[0].restart(t)
	})
}
