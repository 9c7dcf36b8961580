//go:build fault

package fault

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/recording"
	"github.com/lazi/lazisync/events"
)

// recovery is a restore as docs/operations.md describes it.
type recovery struct {
	name   string
	backUp []string // blocks of the page, in order
	// restore stops the roles, and after starts them again.
	restore, after []string

	postgres, nats bool     // what is set back
	found          []string // by doctor
	failed         bool     // the run that began after the backup has failed
}

var recoveries = []recovery{
	{
		name: "PostgreSQL", backUp: []string{"back up postgresql"}, restore: []string{"restore postgresql"}, after: []string{"after postgresql"},
		postgres: true, found: []string{"PostgreSQL was restored to an earlier state"},
	},
	{
		name: "Temporal", backUp: []string{"back up temporal"}, restore: []string{"restore temporal"}, after: []string{"after temporal"},
		found: []string{"Temporal lacks workflow"}, failed: true,
	},
	{
		name: "NATS", backUp: []string{"back up nats"}, restore: []string{"restore nats"}, after: []string{"after nats"},
		nats: true, found: []string{"NATS lacks message"},
	},
	{
		name: "all three", backUp: []string{"back up postgresql", "back up temporal", "back up nats, docker-compose.yml"},
		restore: []string{"restore postgresql", "restore temporal", "restore nats, docker-compose.yml"}, after: []string{"after postgresql"},
		postgres: true, nats: true, found: []string{"PostgreSQL was restored to an earlier state"},
	},
}

// The commands of docs/operations.md restore each server alone, and all of them.
func TestFault70DrillOfTheOperationsPage(t *testing.T) {
	t.Parallel()
	used := map[string]bool{"check": true}
	for _, c := range recoveries {
		for _, name := range slices.Concat(c.backUp, c.restore, c.after) {
			used[name] = true
		}
		t.Run(c.name, func(t *testing.T) { newDrill(t).recover(t, c) }) // one Temporal on PostgreSQL at a time: it must start within a minute
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(used)), slices.Collect(maps.Keys(drillBlocks(t))), "every marked block is run")
}

// recover backs up while a run is open, and restores while another one is.
func (d *drill) recover(t *testing.T, c recovery) {
	t.Helper()
	d.startAll(t, allRoles...)
	var ended map[string]bool
	q := d.syncAround(t, func() {
		ended = d.endedRequests(t)
		d.stack.Simulator.SetPace(time.Second) // the run is open in every backup
		for i, name := range c.backUp {
			began := time.Now()
			d.runBlock(t, name)
			t.Logf("%s: %s", name, time.Since(began).Round(time.Millisecond))
			if i+1 < len(c.backUp) {
				d.awaitRunStarted(t, d.incremental(t)) // the next backup has a run that this one lacks
			}
		}
	})
	if c.nats && !c.postgres {
		d.archive(t)
	}
	if c.postgres {
		d.recordRestore(ended)
	}
	began := time.Now()
	for _, name := range c.restore {
		d.runBlock(t, name)
	}
	if c.postgres {
		require.NoError(t, recording.Watch(t.Context(), d.sql)) // the recording begins with the restored rows
	}
	require.Eventually(t, d.nc.IsConnected, waitLimit, tick)
	switch {
	case c.nats && c.postgres: // consumers that read events since the backup are set back, too
		d.mu.Lock()
		d.archived = history{}
		d.mu.Unlock()
	case c.nats:
		d.archiveReceived()
	}
	if c.nats {
		d.noteLostCommands(t)
	}
	d.mayFail = append(d.mayFail, events.Terminated)
	d.stack.Simulator.SetPace(20 * time.Millisecond)
	for _, name := range c.after {
		d.runBlock(t, name)
	}
	t.Logf("restored in %s", time.Since(began).Round(time.Millisecond))
	restored := time.Now()
	d.publishEndedAgain(t, q)
	d.afterRestore(t, restored, q.open, q.orphan)
	printed := d.runBlock(t, "check")
	for _, text := range c.found {
		require.Regexp(t, `(?m)^warn +restore .*`+text, printed)
	}
	if c.failed {
		require.Equal(t, "failed", d.state(t, q.orphan))
	}
}
