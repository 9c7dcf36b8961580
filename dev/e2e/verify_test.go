package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// A verify of a table in use reports what was damaged, notifies of it, and changes nothing. A rebuild
// repairs it, and a scheduled verify finds nothing any more and sends no notification.
func TestVerifyFindsWhatARebuildRepairs(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 600, ExportPageSize: 50}})
	w.migrate(t, "SYNC_SCHEDULE_VERIFY="+never)
	w.start(t, "serve")
	w.full(t)
	w.damage(t, "customers")
	before := w.rows(t, "customers")

	// Records change and incremental syncs run meanwhile.
	w.stack.Simulator.SetPace(pageTime)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(pageTime); ; <-tick.C {
			select {
			case <-stop:
				return
			default:
			}
			if id, err := w.stack.Simulator.RandomID("jobs"); err == nil {
				_ = w.stack.Simulator.Update("jobs", id)
			}
			_, _ = w.stack.Simulator.Create("jobs")
		}
	}()
	incremental := w.request(t, `{"mode":"incremental","entities":["jobs"]}`)
	verify := w.run(t, "verify", "--entities", "customers,jobs", "--wait")
	close(stop)
	<-stopped
	w.stack.Simulator.SetPace(0)
	require.Zero(t, verify.code, verify.out+verify.errors)
	require.Regexp(t, `(?m)^  customers    completed  \d+ fetched, 203 differences: 100 missing, 3 extra, 100 damaged$`, verify.out)
	require.Regexp(t, `(?m)^    to repair: lazisync request rebuild --entities customers$`, verify.out)
	require.Regexp(t, `(?m)^  jobs         completed  [\d,]+ fetched, 0 differences$`, verify.out)
	require.Equal(t, before, w.rows(t, "customers"))
	require.Zero(t, w.stagingTables(t))
	w.completed(t, incremental)
	_, err := w.stack.Slack.Await(t.Context(), func(m fakeslack.Message) bool {
		return strings.Contains(m.Text, "Verify completed") && strings.Contains(m.Text, "203 differences")
	})
	require.NoError(t, err)

	repaired := w.run(t, "request", "rebuild", "--entities", "customers", "--wait")
	require.Zero(t, repaired.code, repaired.out)
	again := w.run(t, "request", "verify", "--entities", "customers", "--wait", "--json")
	require.Zero(t, again.code, again.out)
	require.Contains(t, again.out, `"differences":{"missing":0,"extra":0,"stale":0,"damaged":0,"sample":[]}`)

	triggered := w.run(t, "schedules", "trigger", "lazisync-verify-"+w.tenant)
	require.Zero(t, triggered.code, triggered.errors)
	_, scheduled := await(t, w, "sync.completed", func(d events.OutcomeData) bool {
		return d.Mode == events.Verify && len(d.Requests) == 1 && d.Requests[0].Source != "/lazisync/cli"
	})
	require.Len(t, scheduled.Results, len(core))
	for _, r := range scheduled.Results {
		require.Zero(t, r.Differences.Total(), "%+v", r)
	}
	require.Empty(t, scheduled.Notify)
	w.requireNotifiedOnce(t)
}

// A verify that is cancelled or whose worker is killed leaves no staging table.
func TestVerifyContinuesAfterAWorkerIsKilled(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 600, ExportPageSize: 10}})
	w.start(t, "bridge")
	worker := w.start(t, "worker")
	w.full(t)
	w.damage(t, "customers")
	w.stack.Simulator.SetPace(pageTime)
	const request = `{"mode":"verify","entities":["customers"]}`
	requestID := w.request(t, request)
	w.awaitLoaded(t, requestID, 5)
	worker.kill(t)
	require.Equal(t, 1, w.stagingTables(t))
	w.stack.Simulator.SetPace(0)
	w.start(t, "worker")
	require.EqualValues(t, 203, w.completed(t, requestID).Results[0].Differences.Total())
	require.Zero(t, w.stagingTables(t))

	w.stack.Simulator.SetPace(pageTime)
	requestID = w.request(t, request)
	w.awaitLoaded(t, requestID, 5)
	cancelled := w.run(t, "cancel", requestID)
	require.Zero(t, cancelled.code, cancelled.errors)
	require.Nil(t, w.outcome(t, "sync.cancelled", requestID).Results[0].Differences)
	require.Zero(t, w.stagingTables(t))
	w.requireNotifiedOnce(t)
}
