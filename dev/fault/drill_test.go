//go:build fault

package fault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/deploytest"
	"github.com/lazi/lazisync/internal/testing/pgserver"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// natsCLI is the command line of NATS that docs/operations.md uses.
const natsCLI = "github.com/nats-io/natscli/nats@v0.5.1"

// drill runs the commands of docs/operations.md in a rig whose databases and users are those of
// docker-compose.yml, with Temporal on PostgreSQL. Its docker command works on the rig's processes.
type drill struct {
	*rig
	blocks  map[string]string // of the page, by name
	environ []string
	calls   chan dockerCall
}

// dockerResult is what a docker command prints, or why it failed.
type dockerResult struct {
	output string
	err    error
}

// dockerCall is a call of the docker command.
type dockerCall struct {
	args []string
	done chan<- dockerResult
}

func newDrill(t *testing.T) *drill {
	t.Helper()
	database := startDatabaseWith(t, pgserver.Options{Dir: t.TempDir(), Unsafe: true}) // no process is killed here
	root := filepath.Join("..", "..")
	compose, err := deploytest.Load(t.Context(), root, filepath.Join(root, "deploy", "demo.env"), "demo")
	require.NoError(t, err)
	require.NoError(t, compose.SetUpPostgres(t.Context(), root, database.Server))
	as := func(user, name string) string {
		return (&url.URL{Scheme: "postgres", User: url.UserPassword(user, "demo-"+strings.TrimPrefix(user, "lazisync_")), Host: database.Addr(), Path: name}).String()
	}
	d := &drill{blocks: drillBlocks(t), calls: make(chan dockerCall)}
	d.rig = newRig(t, options{
		database: database, ownerURL: as("lazisync_owner", "lazisync"), ownTemporal: true, temporalPostgres: as("temporal", ""), ackWait: longAckWait,
		simulator: manyPages, reach: func(*testing.T, string) string { return as("lazisync_app", "lazisync") },
	})
	docker := testserver.Serve(t, &http.Server{Handler: http.HandlerFunc(d.receive)})
	postgres, err := pgserver.FindBinaries()
	require.NoError(t, err)
	home := t.TempDir()
	d.environ = []string{
		"PATH=" + strings.Join([]string{dockerCommand(t), filepath.Dir(natsCommand(t)), postgres.Dir, os.Getenv("PATH")}, string(os.PathListSeparator)),
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, dockerVariable + "=" + docker, "BACKUP=" + t.TempDir(),
		"DATABASE_URL=" + as("lazisync_owner", "lazisync"), "TEMPORAL_DATABASE_URL=" + as("temporal", "temporal"),
		"TEMPORAL_VISIBILITY_URL=" + as("temporal", "temporal_visibility"), "NATS_URL=nats://" + d.nats.addr(),
	}
	return d
}

// drillBlocks returns the marked blocks of the page, by name.
func drillBlocks(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	require.NoError(t, err)
	blocks := map[string]string{}
	for _, found := range regexp.MustCompile("(?ms)^ *<!-- drill: ([^>]+) -->\n *```sh\n(.*?)^ *```").FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, blocks, found[1], "a name has one block")
		blocks[found[1]] = found[2]
	}
	return blocks
}

var natsCommandOnce = sync.OnceValues(func() (path string, err error) {
	shared.mu.Lock()
	dir, err := shared.folder()
	shared.mu.Unlock()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "install", natsCLI)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return filepath.Join(dir, "nats"), nil
})

// natsCommand builds the command line of NATS.
func natsCommand(t *testing.T) (path string) {
	t.Helper()
	path, err := natsCommandOnce()
	require.NoError(t, err)
	return path
}

// dockerCommand returns a folder with the docker command of the drill.
func dockerCommand(t *testing.T) (dir string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir = t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "docker")))
	return dir
}

// run executes a block of the page with bash and returns its output.
func (d *drill) runBlock(t *testing.T, name string) string {
	t.Helper()
	require.Contains(t, d.blocks, name)
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", d.blocks[name])
	cmd.Env = d.environ
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case call := <-d.calls:
			output, err := d.docker(t, call.args)
			call.done <- dockerResult{output, err}
		case err := <-ended:
			require.NoError(t, err, "%s: %s", name, &output)
			return output.String()
		}
	}
}

// receive passes a call of the docker command to the test.
func (d *drill) receive(w http.ResponseWriter, r *http.Request) {
	var args []string
	if err := json.NewDecoder(r.Body).Decode(&args); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	done := make(chan dockerResult, 1)
	d.calls <- dockerCall{args, done}
	result := <-done
	if result.err != nil {
		http.Error(w, result.err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, result.output)
}

// docker does to the rig's processes what a docker command of the page does to containers, and
// returns what the command prints.
func (d *drill) docker(t *testing.T, args []string) (string, error) {
	t.Helper()
	if slices.Equal(args, []string{"volume", "rm", "lazisync_nats"}) {
		require.True(t, d.nats.HasEnded(), "the volume is in use")
		require.NoError(t, os.RemoveAll(d.nats.folder()))
		return "", os.MkdirAll(d.nats.folder(), 0o700)
	}
	require.Greater(t, len(args), 2)
	require.Equal(t, "compose", args[0])
	verb, args := args[1], slices.DeleteFunc(args[2:], func(arg string) bool { return slices.Contains([]string{"-d", "--rm", "--stop", "--force"}, arg) })
	switch verb {
	case "stop", "rm":
		for _, service := range args {
			d.stopService(t, service)
		}
	case "create":
		require.Equal(t, []string{"nats"}, args)
	case "up":
		for _, service := range args {
			d.startService(t, service)
		}
	case "cp":
		for i := range args {
			args[i] = strings.Replace(args[i], "nats:/data", d.nats.folder(), 1)
		}
		copyFolder(t, args[0], args[1])
	case "run":
		switch service := args[0]; service {
		case "migrate":
			return d.lazisync(t, d.asOwner(), args...)
		case "cli":
			return d.lazisync(t, d.stack.Environ(), args[1:]...)
		}
		require.Fail(t, "unknown service", args)
	case "exec":
		require.Equal(t, "lazisync", args[1])
		return d.lazisync(t, d.stack.Environ(), args[2:]...)
	default:
		require.Fail(t, "unknown command", "%s %v", verb, args)
	}
	return "", nil
}

// lazisync runs a command of lazisync and returns its output.
func (d *drill) lazisync(t *testing.T, environ []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	cmd.Env = environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("lazisync %v: %w: %s", args, err, out)
	}
	return string(out), nil
}

// server returns the server of a service, nil for a role.
func (d *drill) server(service string) *server {
	return map[string]*server{"nats": d.nats, "temporal": d.temporal}[service]
}

func (d *drill) stopService(t *testing.T, service string) {
	t.Helper()
	if s := d.server(service); s != nil {
		s.Signal(syscall.SIGTERM)
		<-s.Ended()
		return
	}
	require.Contains(t, allRoles, service)
	for _, one := range d.roles {
		if one.name == service && !one.HasEnded() {
			one.stop(t)
		}
	}
}

func (d *drill) startService(t *testing.T, service string) {
	t.Helper()
	if s := d.server(service); s != nil {
		s.restart(t)
		return
	}
	require.Contains(t, allRoles, service)
	d.start(t, service)
}
