package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/app"
)

// natsCLI is the command line of NATS that the shell examples use.
const natsCLI = "github.com/nats-io/natscli/nats@v0.5.1"

// language is one language of the examples.
type language struct {
	name     string
	publish  func(mode, entities, id string) []string // command of the publisher
	consume  []string                                 // command of the consumer for one outcome
	durable  string                                   // name of the consumer in NATS
	detailed bool                                     // the consumer prints the mode
}

// languages are Go and shell. TypeScript has its own tests, because they need npm.
var languages = []language{
	{
		"go", func(mode, entities, id string) []string {
			return []string{"publisher", "-mode", mode, "-entities", entities, "-id", id}
		},
		[]string{"consumer", "-once", "-ack-wait", "2s"}, "example-consumer", true,
	},
	{
		"shell", func(mode, entities, id string) []string {
			return []string{"sh", shell("publisher.sh"), fmt.Sprintf(`{"mode":%q,"entities":[%q],"reason":"it's {{ID}}"}`, mode, entities), id}
		},
		[]string{"sh", shell("consumer.sh")}, "example-shell", false,
	},
}

// build builds the examples in Go and the nats command, and adds them to PATH.
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

func shell(name string) string { return filepath.Join(root, "examples", "shell", name) }

// The publishers and consumers run as the NATS users for them, and the consumers as the
// PostgreSQL user that may only read.
func TestExamplesWorkWithTheUsersOfTheDeployment(t *testing.T) {
	build(t)
	d := testWithUsersOfTheDeployment(t, languages)
	out, code := d.try(t, d.as("publisher", "none"), "sh", shell("publisher.sh"), `{"mode":`, "not-json")
	require.Equal(t, 4, code, out)
	require.Contains(t, out, "rejected")
	out, code = d.try(t, d.as("publisher", "none"), "sh", shell("publisher.sh"), `{"mode":"full"}`, "$(date)")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "want only letters, digits")
}

func testWithUsersOfTheDeployment(t *testing.T, languages []language) *deployment {
	d := deploy(t)
	for _, role := range []app.Role{app.BridgeRole, app.WorkerRole, app.NotifierRole, app.GatewayRole} {
		d.start(t, role)
	}
	publisher := d.as("publisher", "none")
	consumer := func(l language) []string {
		return append(d.as("consumer", "reader"), "WORK_DATABASE_URL="+d.superuser("downstream_"+l.name))
	}
	for _, l := range languages {
		d.database(t, "downstream_"+l.name)
	}
	run := 0
	outcome := func(entity string, rows int) {
		t.Helper()
		for _, reader := range languages {
			want := ""
			if rows > 0 {
				mode := ""
				if reader.detailed {
					mode = " (full)"
				}
				want = fmt.Sprintf("run %d completed%s: %s, %d rows changed\n", run, mode, entity, rows)
			}
			require.Equal(t, want, d.run(t, consumer(reader), reader.consume[0], reader.consume[1:]...), reader.name)
		}
	}
	for i, l := range languages {
		try := func(mode, entity, id string) (string, int) {
			command := l.publish(mode, entity, id)
			return d.try(t, publisher, command[0], command[1:]...)
		}
		entity := []string{"customers", "jobs"}[i]
		for range 2 { // the second time with the same id: it starts nothing
			printed, code := try("full", entity, "nightly")
			require.Zero(t, code, "%s: %s", l.name, printed)
			require.Regexp(t, `(?m)^completed [0-9a-f]{20}(: run `+fmt.Sprint(run+1)+`)?$`, printed, l.name)
			require.NotContains(t, printed, "rejected", l.name)
		}
		run++
		outcome(entity, records)

		printed, code := try("incremental", "estimates", "skipped")
		require.Equal(t, 5, code, "%s: %s", l.name, printed)
		run++
		outcome("estimates", 0)

		printed, code = try("full", "custmers", "misspelt")
		require.Equal(t, 4, code, "%s: %s", l.name, printed)
		require.Contains(t, printed, "did you mean customers?", l.name)

		// A rebuild makes and drops a table.
		printed, code = try("rebuild", entity, "repair")
		require.Zero(t, code, "%s: %s", l.name, printed)
		run++
		outcome(entity, 0)
	}

	complaints := d.log.String()
	require.NotContains(t, complaints, "lacks a permission")
	require.NotContains(t, complaints, "permission denied")
	require.NotContains(t, complaints, "ermissions Violation")
	return d
}
