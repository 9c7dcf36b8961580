package fault

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// These rows take seconds, and run in make test-all as well as in make fault.

func TestFault01BridgeKilledBetweenStartAndAck(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "worker", "notifier")
	var repairedAt time.Time
	for _, step := range []string{"bridge/recorded", "bridge/started", "bridge/accepted", "bridge/answered"} {
		bridge := r.failing(t, "bridge", step)
		r.full(t)
		bridge.awaitKilled(t)
		r.incremental(t)
		repairedAt = time.Now()
		next := r.start(t, "bridge")
		r.awaitSettled(t)
		next.Kill()
	}
	r.start(t, "bridge")
	r.checkOracle(t, repairedAt)
}

func TestFault02BridgeKilledBetweenDeadLetterAndTerm(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "worker", "notifier")
	var repairedAt time.Time
	for _, step := range []string{"bridge/dead-lettered", "bridge/rejected"} {
		bridge := r.failing(t, "bridge", step)
		r.bad(t)
		bridge.awaitKilled(t)
		repairedAt = time.Now()
		next := r.start(t, "bridge")
		r.awaitSettled(t)
		next.Kill()
	}
	r.start(t, "bridge")
	r.checkOracle(t, repairedAt)
	deadLettered, err := r.read(t.Context(), "SYNC_DEADLETTER")
	require.NoError(t, err)
	require.Len(t, deadLettered, 2, "one copy of each")
}

// A bridge without the permission to acknowledge processes the same commands forever. It
// reports the missing permission, and consumes nothing until it has it.
func TestFault13BridgeMayNotAcknowledge(t *testing.T) {
	t.Parallel()
	lacks := true
	r := newRig(t, options{natsUsers: func() string {
		denied := ""
		if lacks {
			denied = `permissions { publish { allow: ">", deny: "$JS.ACK.>" } }`
		}
		return `no_auth_user: other
			authorization { users: [ { user: other, password: other-password }, { user: bridge, password: bridge-password, ` + denied + ` } ] }`
	}})
	r.startAll(t, "worker", "notifier")
	r.full(t)
	bridge := r.launch(t, "bridge", "NATS_URL=nats://bridge:bridge-password@"+r.nats.addr())
	bridge.awaitLog(t, "NATS user lacks a permission")
	for _, consumer := range consumers["SYNC_COMMANDS"] {
		bridge.awaitLog(t, "acknowledge for "+consumer+", which needs permission to publish on $JS.ACK.SYNC_COMMANDS."+consumer+".>")
	}
	bridge.awaitNotReady(t)
	consumer, err := r.js.Consumer(t.Context(), "SYNC_COMMANDS", "bridge-requests")
	require.NoError(t, err)
	require.Zero(t, consumer.CachedInfo().Delivered.Consumer, "nothing was taken")

	lacks = false
	r.reloadUsers(t)
	repairedAt := time.Now()
	r.checkOracle(t, repairedAt)
	bridge.awaitReady(t)
	commands, err := r.read(t.Context(), "SYNC_EVENTS")
	require.NoError(t, err)
	for _, e := range commands {
		require.NotContains(t, e.ID, "/duplicate/", "it was answered once")
	}
}

func TestFault14ConsumerDeletedWhileBridgeWorks(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	bridge := r.start(t, "bridge")
	r.startAll(t, "worker", "notifier")
	r.firstSync(t)
	stop := r.load(t, 50*time.Millisecond)
	r.awaitPublished(t, 10)
	for _, name := range consumers["SYNC_COMMANDS"] {
		require.NoError(t, r.js.DeleteConsumer(t.Context(), "SYNC_COMMANDS", name))
	}
	bridge.awaitLog(t, `consumer SYNC_COMMANDS/bridge-requests is missing, run \"lazisync migrate\"`)
	bridge.awaitNotReady(t)
	r.awaitPublished(t, 10)
	r.migrate(t)
	repairedAt := time.Now()
	stop()
	r.checkOracle(t, repairedAt)
}

func TestFault35TokensExpiredInTheMiddle(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.startAll(t, allRoles...)
	for _, skip := range []int{20, 50, 80} { // two in sequence are a permanent AuthError
		require.NoError(t, r.stack.Simulator.AddFault(simulator.Fault{Kind: "expiredTokens", Skip: skip}))
	}
	r.full(t)
	r.checkOracle(t, time.Now())
}

func TestFault41GatewayKilledBetweenStoringAndAnswering(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "bridge", "worker", "notifier")
	r.firstSync(t)
	gateway := r.failing(t, "gateway", "gateway/published")
	const body = `{"eventType":"job.updated","id":41}`
	_, err := r.deliver(t, gateway.gateway, body)
	require.Error(t, err, "no answer")
	gateway.awaitKilled(t)
	repairedAt := time.Now()
	next := r.start(t, "gateway")
	require.Equal(t, http.StatusOK, r.webhook(t, next.gateway, body).StatusCode)
	r.checkOracle(t, repairedAt)
	commands, err := r.read(t.Context(), "SYNC_COMMANDS")
	require.NoError(t, err)
	require.Len(t, commands, 3, "the full sync, and the delivery twice: both fold into a pass or two")
}

// One path of ServiceTitan keeps failing and others do not: entities of the others are read.
func TestFault53OnePathKeepsFailing(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{environ: []string{"SYNC_STALL_LIMIT=20s"}}) // 2 s while a request waits
	r.mayFail = []events.ErrorType{events.APIError}
	r.startAll(t, "bridge", "worker", "notifier")
	r.firstSync(t)
	for _, kind := range []string{"500", "truncate"} {
		require.NoError(t, r.stack.Simulator.AddFault(simulator.Fault{Kind: kind, Entity: "jobs", Count: -1}))
		held := r.incremental(t)
		r.awaitRunStarted(t, held)
		id, err := r.stack.Simulator.RandomID("customers")
		require.NoError(t, err)
		require.NoError(t, r.stack.Simulator.Update("customers", id))
		next := r.request(t, `{"mode":"incremental","entities":["customers"]}`)
		require.Eventually(t, func() bool { return r.state(t, next) == "completed" }, waitLimit, tick, "%s: the next pass waits", kind)
		require.Equal(t, "failed", r.state(t, held))
		var why string
		require.NoError(t, r.sql.QueryRow(t.Context(), `
			select error ->> 'message' from raw.sync_cursors join raw.sync_requests using (run_number)
			where request_id = $1 and table_name = 'raw.st_jobs'`, held.requestID()).Scan(&why))
		require.Regexp(t, `\(given up after \d+ tries in .*, while ServiceTitan answers for `, why)
		r.stack.Simulator.ClearFaults()
	}
	repairedAt := time.Now()
	r.incremental(t)
	r.checkOracle(t, repairedAt)
}
