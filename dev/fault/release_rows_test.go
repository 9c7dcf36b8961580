//go:build fault && git

package fault

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/internal/simulator"
)

// releaseProgram builds lazisync from the commit of the latest release.
func releaseProgram(t *testing.T) (path string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "release"))
	require.NoError(t, err)
	var commit string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			commit = strings.TrimSpace(line)
		}
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	sources := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c",
		`git -C "$1" archive "$2" | tar -C "$3" -xf -`, "bash", root, commit, sources).CombinedOutput()
	require.NoError(t, err, "commit %s of testdata/release, which needs a clone with its history (git fetch --unshallow): %s", commit, out)
	path = filepath.Join(t.TempDir(), "lazisync")
	require.NoError(t, process.Build(sources, path, "failpoint"))
	return path
}

// upgradeOrder is the order of docs/upgrading.md. A rollback has the reverse order.
var upgradeOrder = []string{"notifier", "bridge", "worker", "gateway"}

// The latest release is upgraded to this version with another column, rolled back and upgraded
// again, one role after another, under load. Each role runs beside its successor for a while.
func TestFault71UpgradeFromTheReleaseAndRollBack(t *testing.T) {
	t.Parallel()
	release, next := releaseProgram(t), changed(t, anotherColumn)
	r := newRig(t, options{program: release, simulator: simulator.Options{RecordsPerEntity: 3000, ExportPageSize: 50}})
	running := map[string]*role{}
	replace := func(name, program string) {
		t.Helper()
		successor := r.startProgram(t, program, name, "HTTP_ADDR=127.0.0.1:0")
		if before := running[name]; before != nil {
			r.awaitPages(t, 5) // both work
			before.stop(t)
		}
		running[name] = successor
	}
	for _, name := range upgradeOrder {
		replace(name, release)
	}
	r.firstSync(t)
	r.stack.Simulator.SetPace(50 * time.Millisecond)
	stop := r.load(t, 200*time.Millisecond)
	var repairedAt time.Time
	var syncs []*publishedCommand
	for _, step := range []struct {
		name, program string
		rollback      bool
	}{{"upgrade", next, false}, {"rollback", release, true}, {"upgrade again", next, false}} {
		syncs = append(syncs, r.full(t))
		r.awaitPages(t, 5)
		migrated := r.runProgram(t, step.program, nil, "migrate")
		if step.name == "upgrade" {
			require.Contains(t, migrated, "column raw.st_customers.do_not_mail")
		}
		r.awaitNewCustomer(t) // stored by the workers of before the step
		require.Zero(t, r.wrongColumns(t), "%s: migrated: %s", step.name, migrated)
		for i := range upgradeOrder {
			name := upgradeOrder[i]
			if step.rollback {
				name = upgradeOrder[len(upgradeOrder)-1-i]
			}
			began := time.Now()
			replace(name, step.program)
			r.awaitNewCustomer(t)
			t.Logf("%s: %s replaced in %s", step.name, name, time.Since(began).Round(time.Millisecond))
			require.Zero(t, r.wrongColumns(t), "%s: after the %s", step.name, name)
		}
		repairedAt = time.Now()
	}
	stop()
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, repairedAt)
	for _, a := range syncs {
		require.Equal(t, "completed", r.state(t, a))
	}
	require.Zero(t, r.wrongColumns(t))
}

// awaitNewCustomer creates a customer and returns when its row exists. The load requests the syncs.
func (r *rig) awaitNewCustomer(t *testing.T) {
	t.Helper()
	id, err := r.stack.Simulator.Create("customers")
	require.NoError(t, err)
	require.Eventually(t, func() (exists bool) {
		require.NoError(t, r.sql.QueryRow(t.Context(), "select exists (select from raw.st_customers where st_id = $1)", id).Scan(&exists))
		return exists
	}, waitLimit, tick)
}
