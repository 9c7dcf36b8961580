package fault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// change is an edit of the code for another version. The file is relative to workflows.
type change struct{ name, file, before, after string }

// What a developer may do to workflows: well, by the rule of CONTRIBUTING.md, or badly.
var (
	anotherStep = change{
		name: "with another step, behind GetVersion", file: "read.go", before: beforeSlice,
		after: `
	if workflow.GetVersion(ctx, "` + anotherStepID + `", workflow.DefaultVersion, 1) == 1 {
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
	ctx, cancel := workflow.WithCancel(sliceOptions(ctx, r.Mode, r.Entities[i].Entity))
`

// anotherStepID is the change ID of anotherStep.
const anotherStepID = "a moment before each slice"

// apply returns the path of the file of a change, and its text with the change.
func (c change) apply(t *testing.T) (file, text string) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("..", "..", "workflows", c.file))
	require.NoError(t, err)
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(before), c.before), "%s is no longer what %q changes", c.file, c.name)
	return file, strings.Replace(string(before), c.before, c.after, 1)
}

// The tests that build other versions take long and run rarely.
func TestChangesOfOtherVersionsApply(t *testing.T) {
	t.Parallel()
	for _, c := range []change{anotherStep, anotherStepForAll, panics, anotherColumn} {
		_, _ = c.apply(t)
	}
}
