package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/app"
)

// natsCLI is the command line of NATS that the shell examples use.
const natsCLI = "github.com/nats-io/natscli/nats@v0.5.1"

// build makes the examples and the nats command, where this process finds them.
func build(t *testing.T) {
	t.Helper()
	toolsDir := t.TempDir()
	t.Setenv("PATH", toolsDir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, args := range [][]string{
		{"build", "-o", toolsDir, "./publisher", "./consumer"},
		{"install", natsCLI},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = filepath.Join(root, "examples")
		cmd.Env = append(os.Environ(), "GOBIN="+toolsDir, "GOWORK=off")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// A sync asked for in Go and one in shell, each by the user of NATS for it; what they
// changed is read by the user of PostgreSQL that may only read.
func TestDocsExamplesWorkWithTheUsersOfTheDeployment(t *testing.T) {
	build(t)
	d := deploy(t)
	for _, role := range []app.Role{app.BridgeRole, app.WorkerRole, app.NotifierRole, app.GatewayRole} {
		d.start(t, role)
	}

	asked := d.run(t, d.as("publisher", "none"), "publisher", "-mode", "full", "-entities", "customers", "-id", "nightly")
	require.Regexp(t, `^requested [0-9a-f]{20} \(SYNC_COMMANDS 1\)\n$`, asked)
	require.Regexp(t, `^run 1 completed \(full\): customers, 300 rows changed, for example \d+ \w+`,
		d.run(t, d.as("consumer", "reader"), "consumer", "-once"))
	require.Equal(t, "run 1: 300 customers changed\n", d.run(t, d.as("consumer", "reader"), shell("consumer.sh")))

	d.run(t, d.as("publisher", "none"), shell("publisher.sh"), `{"mode":"full","entities":["jobs"]}`, "by-hand")
	require.Regexp(t, `^run 2 completed \(full\): jobs, 300 rows changed`, d.run(t, d.as("consumer", "reader"), "consumer", "-once"))

	// A rebuild makes and drops a table.
	d.run(t, d.as("publisher", "none"), "publisher", "-mode", "rebuild", "-entities", "customers", "-id", "mend")
	require.Regexp(t, `^run 3 completed \(rebuild\): customers, 0 rows changed`, d.run(t, d.as("consumer", "reader"), "consumer", "-once"))

	complaints := d.log.String()
	require.NotContains(t, complaints, "lacks a permission")
	require.NotContains(t, complaints, "permission denied")
	require.NotContains(t, complaints, "ermissions Violation")
}

func shell(name string) string { return filepath.Join(root, "examples", "shell", name) }
