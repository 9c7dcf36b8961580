//go:build npm

package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// typescript compiles the examples with the versions of package-lock.json.
func typescript(t *testing.T) []language {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples", "typescript"))))
	for _, args := range [][]string{{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"}, {"npm", "run", "build"}} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return []language{{
		"typescript", func(mode, entities, id string) []string {
			return []string{"node", filepath.Join(dir, "dist", "publisher.js"), "--mode", mode, "--entities", entities, "--id", id}
		},
		[]string{"node", filepath.Join(dir, "dist", "consumer.js"), "--once", "--ack-wait", "2"}, "example-typescript", true,
	}}
}

func TestTypeScriptExamplesWorkWithTheUsersOfTheDeployment(t *testing.T) {
	testWithUsersOfTheDeployment(t, typescript(t))
}

func TestTypeScriptExamplesProcessEachEventOnceAcrossKills(t *testing.T) {
	testConsumersAcrossKills(t, typescript(t))
}

func TestTypeScriptExamplesReportTheOutcomeAcrossKills(t *testing.T) {
	testPublishersAcrossKills(t, typescript(t))
}
