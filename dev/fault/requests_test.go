package fault

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFault01BridgeKilledBetweenStartAndAck(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "worker", "notifier")
	var mended time.Time
	for _, step := range []string{"bridge/recorded", "bridge/started", "bridge/accepted", "bridge/answered"} {
		bridge := r.failing(t, "bridge", step)
		r.full(t)
		bridge.awaitKilled(t)
		r.incremental(t)
		mended = time.Now()
		next := r.start(t, "bridge")
		r.settle(t)
		next.Kill()
	}
	r.start(t, "bridge")
	r.judge(t, mended)
}

func TestFault02BridgeKilledBetweenParkingAndTerm(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "worker", "notifier")
	var mended time.Time
	for _, step := range []string{"bridge/parked", "bridge/rejected"} {
		bridge := r.failing(t, "bridge", step)
		r.bad(t)
		bridge.awaitKilled(t)
		mended = time.Now()
		next := r.start(t, "bridge")
		r.settle(t)
		next.Kill()
	}
	r.start(t, "bridge")
	r.judge(t, mended)
	parked, err := r.read(t.Context(), "SYNC_DEADLETTER")
	require.NoError(t, err)
	require.Len(t, parked, 2, "one copy of each")
}
