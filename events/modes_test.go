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
		Full: "full-sync-0a50", Incremental: "incremental-sync-1001", Rebuild: "rebuild-0a50",
	} {
		require.Equal(t, want, mode.WorkflowID("1001", "0a50"))
		info, known := ModeOfWorkflowID(want)
		require.True(t, known)
		require.Equal(t, mode, info.Mode)
	}
	_, known := ModeOfWorkflowID("lazisync-full-1001")
	require.False(t, known)
}

func TestEveryModeIsDescribed(t *testing.T) {
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
func TestSchemasListTheModesOfTheTable(t *testing.T) {
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

// The files in which a mode may be compared with or listed: the workflows themselves,
// what belongs to one mode alone, such as the second pass after webhooks, and freshness,
// which the tables record separately for full and incremental syncs.
var namesModes = map[string]bool{
	"events/modes.go":                   true,
	"workflows/api.go":                  true, // the IDs of today's workflows, for tests and tools
	"workflows/request.go":              true,
	"workflows/incremental.go":          true,
	"activities/slice.go":               true, // only incrementals are interactive
	"activities/after.go":               true, // likewise
	"bridge/secondpass.go":              true,
	"internal/gateway/webhook.go":       true,
	"internal/store/page_store.go":      true, // resume points and freshness
	"internal/store/page_sweep.go":      true, // only a full sync sweeps the live table
	"internal/store/rebuild_apply.go":   true,
	"internal/store/state_position.go":  true, // incrementals begin at the resume point
	"internal/store/request_receive.go": true, // second passes
}

var modeInCode = regexp.MustCompile(`\bevents\.(Full|Incremental|Rebuild)\b|"(full|incremental|rebuild)"`)

func TestModesAreNamedInFewFiles(t *testing.T) {
	t.Parallel()
	root := os.DirFS("..")
	for _, folder := range []string{"activities", "bridge", "cmd", "internal", "workflows"} {
		require.NoError(t, fs.WalkDir(root, folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || exemptFromModes(path) {
				return err
			}
			text, err := fs.ReadFile(root, path)
			if err == nil && modeInCode.Match(text) {
				t.Errorf("%s names a mode: %q; a property in events/modes.go serves every mode", path, modeInCode.Find(text))
			}
			return err
		}))
	}
}

func exemptFromModes(path string) bool {
	return namesModes[path] || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "activities/activitytest/") ||
		strings.HasPrefix(path, "internal/legacy/") || strings.HasSuffix(path, "earlier.go") ||
		strings.Contains(path, "schedules.go") || path == "internal/config/clockchanges.go" || strings.HasPrefix(path, "internal/simulator/") ||
		path == "internal/app/entities.go"
}
