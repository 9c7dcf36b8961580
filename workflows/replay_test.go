package workflows_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/workflows"
)

// histories are event histories of executions that really ran, as JSON in the form of
// `temporal workflow show --output json`, named <Workflow>-<case>.v1.json. Workflows
// that run when a new version is deployed continue in it: each recorded history
// must replay in every later version. Record from deployed code and never from a
// branch, and never edit or delete a history whose workflow may still be running.
const histories = "testdata/histories"

var historyName = regexp.MustCompile(`^([A-Za-z]+)-([a-z0-9-]+)\.v\d+\.json$`)

// recorded lists the files by the workflow they are of.
func recorded(t *testing.T) map[string][]string {
	t.Helper()
	files, err := os.ReadDir(histories)
	require.NoError(t, err, "there are no histories: record some")
	by := map[string][]string{}
	for _, f := range files {
		if filepath.Ext(f.Name()) != ".json" {
			continue
		}
		parts := historyName.FindStringSubmatch(f.Name())
		require.NotNil(t, parts, "%s: want <Workflow>-<case>.v1.json", f.Name())
		by[parts[1]] = append(by[parts[1]], f.Name())
	}
	return by
}

func TestRecordedHistoriesReplay(t *testing.T) {
	t.Parallel()
	by := recorded(t)
	require.NotEmpty(t, by)
	for _, files := range by {
		for _, file := range files {
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				replayer := worker.NewWorkflowReplayer()
				workflows.Register(replayer)
				quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
				require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet, filepath.Join(histories, file)))
			})
		}
	}
}

func TestEveryWorkflowHasHistory(t *testing.T) {
	t.Parallel()
	by := recorded(t)
	registered := &names{}
	workflows.Register(registered)
	require.NotEmpty(t, registered.all)
	for _, name := range registered.all {
		require.NotEmpty(t, by[name], "record %s/%s-<case>.v1.json", histories, name)
	}
	for name := range by {
		require.Contains(t, registered.all, name, "histories of a workflow that is not registered")
	}
}

// names remembers what is registered.
type names struct {
	worker.WorkflowRegistry
	all []string
}

func (n *names) RegisterWorkflow(w any) {
	full := runtime.FuncForPC(reflect.ValueOf(w).Pointer()).Name()
	n.all = append(n.all, full[strings.LastIndex(full, ".")+1:])
}

func (n *names) RegisterWorkflowWithOptions(_ any, options workflow.RegisterOptions) {
	n.all = append(n.all, options.Name)
}
