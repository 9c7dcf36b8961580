//go:build fault

package fault

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/workflows"
)

// PostgreSQL is restored from a backup and everything else is unchanged: two runs are open, others
// ended after the backup.
func TestFault45PostgreSQLRestoredToAnEarlierState(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"roles stay up": false, "roles start again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{ownDatabase: true, simulator: manyPages})
			r.startAll(t, allRoles...)
			var saved databaseBackup
			q := r.syncAround(t, func() { saved = r.backUpDatabase(t) })
			pass := r.incremental(t)
			r.awaitRunStarted(t, pass)
			if restart {
				r.endRoles()
			}
			r.restoreDatabase(t, saved)
			restored := time.Now()
			if restart {
				r.startAll(t, allRoles...)
			}
			r.control(t, "cancel", workflows.FullSyncID(q.orphan.requestID()))
			r.publishEndedAgain(t, q)
			r.stack.Simulator.SetPace(20 * time.Millisecond)
			r.afterRestore(t, restored, q.open, q.orphan)
			require.Regexp(t, restoreFound, r.run(t, nil, "doctor", "--role", "bridge"))
		})
	}
}

func TestFault46PostgreSQLRecreated(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownDatabase: true, simulator: manyPages})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	known := r.incremental(t)
	r.awaitSettled(t)
	r.stack.Simulator.SetPace(time.Second)
	orphan := r.full(t)
	r.awaitRunStarted(t, orphan)
	r.awaitPages(t, 8)
	r.recreateDatabase(t)
	restored := time.Now()
	r.publishAgain(t, known, `{"mode":"incremental"}`)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	r.afterRestore(t, restored, orphan)
	require.Regexp(t, restoreFound, r.run(t, nil, "doctor", "--role", "bridge"))
}

// restoreFound is the beginning of doctor's line about a restore of PostgreSQL.
const restoreFound = `(?m)^warn +restore `

func TestFault50TemporalRecreated(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownTemporal: true, ackWait: longAckWait, simulator: manyPages})
	bridge := r.start(t, "bridge")
	r.startAll(t, "worker", "notifier", "gateway")
	r.firstSync(t)
	known := r.incremental(t)
	r.awaitSettled(t)
	r.stack.Simulator.SetPace(time.Second)
	orphan := r.full(t)
	pass := r.incremental(t)
	r.awaitRunStarted(t, orphan)
	r.awaitRunStarted(t, pass)
	r.temporal.restore(t, nil)
	r.refusesNamespace(t, bridge, nil, orphan, pass)
	r.acceptNamespace(t)
	restored := time.Now()
	r.publishAgain(t, known, `{"mode":"incremental"}`)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	r.afterRestore(t, restored)
	require.Equal(t, "failed", r.state(t, orphan))
}

// A bridge and a worker are started with a namespace that exists and is another one.
func TestFault51AnotherNamespaceConfiguredByMistake(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ownTemporal: true, ackWait: longAckWait, simulator: manyPages})
	_, err := r.client.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: "another", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	bridge := r.start(t, "bridge")
	r.startAll(t, "worker", "notifier", "gateway")
	r.firstSync(t)
	r.stack.Simulator.SetPace(time.Second)
	open := r.full(t)
	pass := r.incremental(t)
	r.awaitRunStarted(t, open)
	r.awaitRunStarted(t, pass)
	bridge.stop(t)
	const another = "TEMPORAL_NAMESPACE=another"
	wrong := r.launch(t, "bridge", another)
	concurrent := r.incremental(t)
	r.refusesNamespace(t, wrong, []string{another}, open, pass)
	wrong.stop(t)
	r.start(t, "bridge")
	back := time.Now()
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	r.awaitSettled(t)
	for _, a := range []*publishedCommand{open, pass, concurrent} {
		require.Equal(t, "completed", r.state(t, a))
	}
	r.afterRestore(t, back, open)
}

// refusesNamespace lets a bridge reconcile in a namespace that is not the one of the
// ledger, and checks that it finalizes nothing there, is not ready and reports why, as doctor does.
func (r *rig) refusesNamespace(t *testing.T, bridge *role, set []string, open ...*publishedCommand) {
	t.Helper()
	const why = "the ledger belongs to"
	bridge.awaitLog(t, why)
	during(t, 15*time.Second) // several rounds of the reconciler
	for _, a := range open {
		require.NotEqual(t, "failed", r.state(t, a), "nothing is finalized in another namespace")
	}
	require.False(t, process.Answers(t.Context(), bridge.admin+"/readyz"))
	require.Contains(t, r.run(t, set, "doctor", "--role", "bridge"), why)
}

// acceptNamespace accepts the new namespace permanently, as an operator does.
func (r *rig) acceptNamespace(t *testing.T) {
	t.Helper()
	t.Log(r.run(t, nil, "migrate", "--accept-namespace"))
	r.shortenAckWait(t, longAckWait)
}
