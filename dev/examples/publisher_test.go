package examples

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/app"
)

// A publisher is killed before its request is stored, and again while it waits for the outcome.
// Started again with the same id, it reports the outcome of the only run.
func TestExamplePublishersReportTheOutcomeAcrossKills(t *testing.T) {
	build(t)
	testPublishersAcrossKills(t, languages)
}

func testPublishersAcrossKills(t *testing.T, languages []language) {
	d := deploy(t)
	d.start(t, app.BridgeRole)
	for i, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			p := &killable{deployment: d, command: l.publish("full", "customers", "killed"), environ: d.as("publisher", "none")}

			p.killedAt(t, "PUB sync.requested")
			killed := p.start(t, p.environ)
			accepted := regexp.MustCompile(`(?m)^accepted ([0-9a-f]{20})`)
			require.Eventually(t, func() bool { return accepted.MatchString(killed.log.String()) }, patience, 20*time.Millisecond)
			killed.kill()

			waiting := p.start(t, p.environ)
			require.Eventually(t, func() bool { return accepted.MatchString(waiting.log.String()) }, patience, 20*time.Millisecond)
			d.start(t, app.WorkerRole)
			require.NoError(t, waiting.wait(t), "%s", waiting.log.String())
			completed := "completed " + accepted.FindStringSubmatch(killed.log.String())[1]
			require.Contains(t, waiting.log.String(), completed)

			require.Contains(t, d.run(t, p.environ, p.command[0], p.command[1:]...), completed, "the run has ended, and its outcome is in the answer")
			ledger := d.admin(t, "lazisync")
			var requests, runs int
			require.NoError(t, ledger.QueryRow(t.Context(), "select (select count(*) from raw.sync_requests), (select count(*) from raw.sync_runs)").Scan(&requests, &runs))
			require.Equal(t, []int{i + 1, i + 1}, []int{requests, runs}, "one sync")
		})
	}
}
