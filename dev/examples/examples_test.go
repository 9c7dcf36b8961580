package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
func TestExamplesWorkWithTheUsersOfTheDeployment(t *testing.T) {
	build(t)
	d := deploy(t)
	for _, role := range []app.Role{app.BridgeRole, app.WorkerRole, app.NotifierRole, app.GatewayRole} {
		d.start(t, role)
	}

	consumer := append(d.as("consumer", "reader"), "WORK_DATABASE_URL="+d.database(t, "downstream"))
	elsewhere := append(d.as("consumer", "reader"), "WORK_DATABASE_URL="+d.database(t, "downstream_shell"))
	publisher := d.as("publisher", "none")

	printed := d.run(t, publisher, "publisher", "-mode", "full", "-entities", "customers, jobs", "-id", "nightly")
	require.Regexp(t, `^requested [0-9a-f]{20} \(SYNC_COMMANDS 1\)\naccepted [0-9a-f]{20}: full-sync-[0-9a-f]{20}\n$`, printed)
	want := "run 1 completed%s: customers, 300 rows changed\nrun 1 completed%[1]s: jobs, 300 rows changed\n"
	require.Equal(t, fmt.Sprintf(want, " (full)"), d.run(t, consumer, "consumer", "-once"))
	require.Equal(t, fmt.Sprintf(want, ""), d.run(t, elsewhere, "sh", shell("consumer.sh")))

	again := d.run(t, publisher, "publisher", "-mode", "full", "-entities", "customers,jobs", "-id", "nightly")
	require.Contains(t, again, "accepted ", "a repetition is answered, and starts nothing")

	accepted := d.run(t, publisher, "sh", shell("publisher.sh"), `{"mode":"full","entities":["estimates"],"reason":"it's {{ID}}"}`, "by-hand")
	require.Regexp(t, `^accepted [0-9a-f]{20}\n$`, accepted)
	require.Equal(t, "run 2 completed (full): estimates, 300 rows changed\n", d.run(t, consumer, "consumer", "-once"))
	require.Equal(t, "run 2 completed: estimates, 300 rows changed\n", d.run(t, elsewhere, "sh", shell("consumer.sh")))

	for name, command := range map[string][]string{
		"publisher":                 {"publisher", "-mode", "full", "-entities", "custmers"},
		"publisher.sh":              {"sh", shell("publisher.sh"), `{"mode":"full","entities":["custmers"]}`},
		"publisher.sh, not JSON":    {"sh", shell("publisher.sh"), `{"mode":`, "not-json"},
		"publisher.sh, an id of $(": {"sh", shell("publisher.sh"), `{"mode":"full"}`, "$(date)"},
	} {
		out, err := d.try(t, publisher, command[0], command[1:]...)
		require.Error(t, err, name)
		if strings.Contains(name, "id of") {
			require.Contains(t, out, "want only letters, digits", name)
			continue
		}
		require.Contains(t, out, "rejected", name)
	}

	// A rebuild makes and drops a table.
	d.run(t, publisher, "publisher", "-mode", "rebuild", "-entities", "customers", "-id", "repair")
	require.Empty(t, d.run(t, consumer, "consumer", "-once"), "it changed nothing")

	complaints := d.log.String()
	require.NotContains(t, complaints, "lacks a permission")
	require.NotContains(t, complaints, "permission denied")
	require.NotContains(t, complaints, "ermissions Violation")
}

func shell(name string) string { return filepath.Join(root, "examples", "shell", name) }
