package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/app"
)

// The commands and queries of docs/consumers.md work with the users of the deployment that
// the page names.
func TestDocsConsumersPageRuns(t *testing.T) {
	build(t)
	d := deploy(t)
	d.start(t, app.BridgeRole)
	d.start(t, app.WorkerRole)
	publisher := d.as("publisher", "none")
	d.run(t, publisher, "publisher", "-mode", "full", "-entities", "customers")
	_, code := d.try(t, publisher, "publisher", "-mode", "incremental", "-entities", "jobs")
	require.Equal(t, 5, code, "jobs are skipped")

	text, err := os.ReadFile(filepath.Join(root, "docs", "consumers.md"))
	require.NoError(t, err)
	environ := d.as("consumer", "reader")
	count := map[string]int{}
	for _, block := range regexp.MustCompile("(?ms)^```(sh|sql)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		count[block[1]]++
		if block[1] == "sh" {
			d.run(t, environ, "bash", "-euo", "pipefail", "-c", block[2])
			continue
		}
		query := strings.ReplaceAll(block[2], "run_number = 1", "run_number = 2") // the run with a skipped entity
		for _, sql := range []string{block[2], query} {
			printed := d.run(t, environ, "bash", "-euo", "pipefail", "-c", `psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -c "$1" "$DATABASE_URL"`, "bash", sql)
			switch {
			case strings.Contains(sql, "from raw.st_customers") && sql == block[2]:
				require.Equal(t, records, strings.Count(printed, "\n"), "the rows that run 1 inserted")
			case strings.Contains(sql, "skipped_reason") && sql != block[2]:
				require.Contains(t, printed, "raw.st_jobs|never fully synced")
			case strings.Contains(sql, "raw.sync_run"):
				require.Equal(t, 2, strings.Count(printed, "\n"), "both runs: %s", printed)
			case strings.Contains(sql, "raw.sync_targets"):
				require.Contains(t, printed, "raw.st_customers|")
			}
		}
	}
	require.Equal(t, map[string]int{"sh": 2, "sql": 6}, count)
}
