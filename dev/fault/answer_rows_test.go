package fault

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/workflows"
)

// JetStream does not store the answers to accepted commands. The commands are redelivered: their
// answer is the first one, and not a duplicate.
func TestFault55AnswerNotPublishedAfterAccepting(t *testing.T) {
	t.Parallel()
	refused := false
	r := newRig(t, options{simulator: manyPages, natsUsers: func() string {
		permissions := ""
		if refused {
			permissions = `permissions { publish { allow: ">", deny: "sync.accepted" } }`
		}
		return `no_auth_user: other
			authorization { users: [ { user: other, password: other-password }, { user: bridge, password: bridge-password, ` + permissions + ` } ] }`
	}})
	r.startAll(t, "worker", "notifier")
	r.stack.Simulator.SetPace(5 * time.Second) // the run is still open when it is paused
	r.start(t, "bridge", "NATS_URL=nats://bridge:bridge-password@"+r.nats.addr())
	refuseAnswers := func(refuse bool) {
		refused = refuse
		r.reloadUsers(t)
	}

	refuseAnswers(true)
	full := r.full(t)
	r.incremental(t)
	r.awaitRedelivered(t, "bridge-requests")
	refuseAnswers(false)
	r.awaitAcknowledged(t)
	id := workflows.FullSyncID(full.requestID())
	r.awaitRunStarted(t, full)

	refuseAnswers(true)
	r.control(t, "pause", id)
	r.awaitPaused(t, id)
	r.awaitRedelivered(t, "bridge-control")
	refuseAnswers(false)
	repairedAt := time.Now()
	r.awaitAcknowledged(t)
	r.control(t, "resume", id)
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
}

// awaitRedelivered waits until a message was delivered a second time.
func (r *rig) awaitRedelivered(t *testing.T, name string) {
	t.Helper()
	require.Eventually(t, func() bool {
		consumer, err := r.js.Consumer(t.Context(), "SYNC_COMMANDS", name)
		return err == nil && consumer.CachedInfo().NumRedelivered > 0
	}, waitLimit, tick, "nothing of %s is delivered again", name)
}

// awaitAcknowledged waits until every command was acknowledged.
func (r *rig) awaitAcknowledged(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, name := range consumers["SYNC_COMMANDS"] {
			consumer, err := r.js.Consumer(t.Context(), "SYNC_COMMANDS", name)
			if err != nil {
				return false
			}
			if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
				return false
			}
		}
		return true
	}, waitLimit, tick, "commands are not acknowledged")
}
