package legacy_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/lazi/lazisync/internal/legacy"
)

// TestRecordedHistoriesReplay replays histories of executions that ran, recorded as those
// of package workflows are. It needs at least one of each type.
func TestRecordedHistoriesReplay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{legacy.FullSync, legacy.IncrementalSync} {
		files, err := filepath.Glob(filepath.Join("testdata", "histories", name+"-*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "record %s-<case>.v1.json", name)
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				t.Parallel()
				replayer := worker.NewWorkflowReplayer()
				legacy.Register(replayer)
				discard := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
				require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(discard, file))
			})
		}
	}
}
