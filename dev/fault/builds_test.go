//go:build fault

package fault

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

// change is an edit of the code for another version. The file is relative to workflows.
type change struct{ name, file, before, after string }

// What a developer may do to workflows: well, by the rule of CONTRIBUTING.md, or badly.
var (
	anotherStep = change{
		name: "with another step, behind GetVersion", file: "read.go", before: beforeSlice,
		after: `
	if workflow.GetVersion(ctx, "a moment before each slice", workflow.DefaultVersion, 1) == 1 {
		_ = workflow.Sleep(ctx, 10*time.Millisecond)
	}` + beforeSlice,
	}
	anotherStepForAll = change{
		name: "with another step for those that are under way too", file: "read.go", before: beforeSlice,
		after: `
	_ = workflow.Sleep(ctx, 10*time.Millisecond)` + beforeSlice,
	}
	panics = change{
		name: "that panics", file: "read.go", before: beforeSlice,
		after: `
	if len(r.Entities) > 0 {
		panic("a bad deploy")
	}` + beforeSlice,
	}
)

// anotherColumn gives customers a column more.
var anotherColumn = change{
	name: "with another column of customers", file: "../internal/entity/catalogue_core.go", before: `"name text, type text, active boolean, balance`,
	after: `"name text, type text, do_not_mail boolean = doNotMail, active boolean, balance`,
}

const beforeSlice = `
	ctx, cancel := workflow.WithCancel(sliceOptions(ctx, r.Mode))
`

// changed builds lazisync with changed code, from a copy of the sources.
func changed(t *testing.T, c change) (program string) {
	t.Helper()
	dir := t.TempDir()
	original, err := filepath.Abs(filepath.Join("..", "..", "workflows", c.file))
	require.NoError(t, err)
	text, err := os.ReadFile(original)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), c.before), "%s is no longer what %q changes", c.file, c.name)
	replacement := filepath.Join(dir, filepath.Base(c.file))
	require.NoError(t, os.WriteFile(replacement, []byte(strings.Replace(string(text), c.before, c.after, 1)), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replacement}})
	require.NoError(t, err)
	list := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	program = filepath.Join(dir, "lazisync")
	require.NoError(t, process.Build(filepath.Join("..", ".."), program, "failpoint", "-overlay="+list))
	return program
}
