//go:build fault

package fault

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// inFlight is the number of pages of an entity that are read again after a worker is killed: the
// one being stored and the prefetched one.
const inFlight = 2

func TestFault18WorkerKilledDuringAPage(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"worker/page-read", "store/page-written", "worker/page-stored"} {
		t.Run(strings.ReplaceAll(step, "/", " "), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{simulator: manyPages})
			r.startAll(t, "bridge", "notifier")
			worker := r.failing(t, "worker", step+":20")
			r.full(t)
			worker.awaitKilled(t)
			repairedAt := time.Now()
			r.start(t, "worker")
			r.checkOracle(t, repairedAt)
			for name, pages := range r.readTwice() {
				require.LessOrEqual(t, pages, inFlight, "pages of %s that were read twice", name)
			}
		})
	}
}

func TestFault18WorkerKilledAtBeginAndFinish(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"worker/run-begun", "worker/run-started", "worker/run-decided", "worker/outcome-published", "worker/outcome-marked"} {
		t.Run(strings.ReplaceAll(step, "/", " "), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{})
			r.startAll(t, "bridge", "notifier")
			worker := r.failing(t, "worker", step)
			r.full(t)
			worker.awaitKilled(t)
			repairedAt := time.Now()
			r.start(t, "worker")
			r.incremental(t)
			r.checkOracle(t, repairedAt)
		})
	}
}

// A worker freezes while it processes a page, or in an open transaction, for longer than
// its heartbeat may be missing. When it wakes up, another has read on.
func TestFault19WorkerFrozenDuringAPage(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"worker/page-read", "store/page-written", "worker/page-stored"} {
		t.Run(strings.ReplaceAll(step, "/", " "), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{simulator: manyPages})
			r.startAll(t, "bridge", "notifier")
			frozen := r.failing(t, "worker", step+":20=stop")
			r.stack.Simulator.SetPace(100 * time.Millisecond)
			r.full(t)
			frozen.awaitFrozen(t)
			r.start(t, "worker")
			if step == "worker/page-stored" {
				r.awaitSettled(t) // the run is decided when it wakes up
			} else {
				r.awaitPages(t, 16) // the other reads on
			}
			frozen.Thaw()
			thawed := time.Now()
			r.awaitSettled(t)
			r.stack.Simulator.Mutate(20)
			r.changing = true
			r.checkOracle(t, thawed)
			var wrong int // a late write moves a cursor again
			require.NoError(t, r.sql.QueryRow(t.Context(), `
				select count(*) from raw.sync_cursors c join raw.sync_runs r using (run_number)
				where r.mode = 'full' and (c.pages <> $1 or c.fetched <> $2)`,
				manyPages.RecordsPerEntity/manyPages.ExportPageSize, manyPages.RecordsPerEntity).Scan(&wrong))
			require.Zero(t, wrong, "the frozen worker wrote nothing")
		})
	}
}

func TestFault20NoWorkerForLong(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.startAll(t, "bridge", "notifier", "gateway")
	r.full(t)
	for range 20 {
		r.incremental(t)
	}
	during(t, 45*time.Second) // longer than the reconciler's patience
	r.full(t)
	repairedAt := time.Now()
	r.start(t, "worker")
	r.checkOracle(t, repairedAt)
}

func TestFault00RollingRestartOfEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ackWait: longAckWait, simulator: manyPages})
	running := map[string]*role{}
	for _, name := range allRoles {
		running[name] = r.start(t, name)
	}
	r.firstSync(t)
	stop := r.load(t, 100*time.Millisecond)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	r.stack.Simulator.ResetStats()
	slow := r.full(t)
	r.awaitPages(t, 8)
	for range 2 {
		for _, name := range allRoles {
			old := running[name]
			if name != "gateway" { // its port is not shared
				running[name] = r.start(t, name)
			}
			require.Less(t, old.stop(t), 30*time.Second, name)
			if name == "gateway" {
				running[name] = r.start(t, name)
			}
			r.awaitPublished(t, 5)
		}
	}
	stop()
	repairedAt := time.Now()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
	_ = slow
	duplicates := 0
	notified, err := r.read(t.Context(), "SYNC_EVENTS")
	require.NoError(t, err)
	for _, e := range notified {
		if strings.Contains(e.ID, "/duplicate/") {
			duplicates++
		}
	}
	require.Zero(t, duplicates, "no request came again")
	seen := map[string]bool{}
	for _, m := range r.stack.Slack.Messages() {
		require.False(t, seen[string(m.Body)], "published twice: %s", m.Body)
		seen[string(m.Body)] = true
	}
}
