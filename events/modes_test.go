package events

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/schemas"
)

func TestWorkflowIDs(t *testing.T) {
	t.Parallel()
	for mode, want := range map[Mode]string{
		Full: "full-sync-0a50", Incremental: "incremental-sync-1001", Rebuild: "rebuild-0a50", Verify: "verify-0a50",
	} {
		require.Equal(t, want, mode.WorkflowID("1001", "0a50"))
		info, known := ModeOfWorkflowID(want)
		require.True(t, known)
		require.Equal(t, mode, info.Mode)
	}
	_, known := ModeOfWorkflowID("lazisync-full-1001")
	require.False(t, known)
}

func TestEveryModeHasARow(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, info := range Modes() {
		require.Regexp(t, "^[a-z]+$", info.Mode)
		for i, text := range []string{info.Title, info.Description, info.Workflow, info.WorkflowIDPrefix} {
			require.NotEmpty(t, text, info.Mode)
			key := fmt.Sprint(i, text)
			require.False(t, seen[key], "two modes have %q", text)
			seen[key] = true
		}
		require.False(t, info.PerTenant && info.OneEntity, "a pass serves requests for any entities")
		require.False(t, info.PerTenant && info.Staged, "a staging table belongs to the run of one request")
	}
}

func TestAModeOfALaterVersionHasATitle(t *testing.T) {
	t.Parallel()
	info := Mode("audit").Info()
	require.Equal(t, "Sync (audit)", info.Title)
	require.True(t, info.NotifyByDefault)
}

// A closed list of modes in a schema is the table; a rule for requests with one entity is
// about the modes that take one.
func TestSchemasListTheModes(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(schemas.Files, "*.json")
	require.NoError(t, err)
	lists := 0
	for _, file := range files {
		raw, err := schemas.Files.ReadFile(file)
		require.NoError(t, err)
		var document struct {
			Properties struct {
				Mode struct{ Enum, Examples []string }
			}
			If struct {
				Properties struct{ Mode struct{ Const string } }
			}
		}
		require.NoError(t, json.Unmarshal(raw, &document))
		if list := append(document.Properties.Mode.Enum, document.Properties.Mode.Examples...); list != nil {
			lists++
			require.Equal(t, ModeNames(), list, "%s: run go generate ./docs", file)
		}
		if file == Requested.Schema {
			for _, info := range Modes() {
				require.Equal(t, info.OneEntity, document.If.Properties.Mode.Const == string(info.Mode), info.Mode)
			}
		}
	}
	require.Equal(t, 8, lists)
}

// comparesModes are the files, by name, that may ask for a mode: each does what only that
// mode does.
var comparesModes = map[string]bool{
	"page_state.go":     true, // resume points and freshness are kept for full and incremental syncs
	"page_sweep.go":     true, // only a full sync sweeps the live table
	"state_position.go": true, // an incremental sync begins at the resume point
	"second_pass.go":    true, // of incremental syncs after webhooks
	"ledger.go":         true, // requests of tests
	"plan.go":           true, // a plan counts other records for each mode
	"plan_print.go":     true, // likewise
	"freshness.go":      true, // only full and incremental syncs keep entities fresh
	"earlier.go":        true, // legacy workflows
	"workflows.go":      true, // likewise
}

var modeComparison = regexp.MustCompile(`(case|==|!=) events\.(Full|Incremental|Rebuild|Verify)\b|"(full|incremental|rebuild|verify)"`)

func TestFewFilesNameAMode(t *testing.T) {
	t.Parallel()
	root := os.DirFS("..")
	for _, folder := range []string{"activities", "bridge", "cmd", "internal", "workflows"} {
		require.NoError(t, fs.WalkDir(root, folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") ||
				comparesModes[entry.Name()] || strings.Contains(path, "entities.go") {
				return err
			}
			text, err := fs.ReadFile(root, path)
			if found := modeComparison.Find(text); found != nil {
				t.Errorf("%s asks for a mode: %q; a property in events/modes.go serves every mode", path, found)
			}
			return err
		}))
	}
}
