//go:build containers && linux

package deploytest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// containerWait is how long a container may take to be healthy or to end, on a busy machine.
const containerWait = 4 * time.Minute

// podmanConf runs containers as root inside a container or an unprivileged machine, with the
// program below as OCI runtime.
const podmanConf = `[engine]
cgroup_manager = "cgroupfs"
runtime = "limited"
[engine.runtimes]
limited = [%q]
`

// limited is runc without the limits of open files and processes that Podman asks for: they may
// exceed what root may set here.
const limited = `#!/bin/sh
for argument; do
	case $previous in
	--bundle) file=$argument/config.json ;;
	--process) file=$argument ;;
	*) file= ;;
	esac
	[ -z "$file" ] || sed -i 's/"rlimits":\[[^]]*\]/"rlimits":[]/' "$file"
	previous=$argument
done
exec runc "$@"
`

// engine runs the services of docker-compose.yml with Podman, with storage and networks of its own.
type engine struct {
	t       *testing.T
	compose *Compose
	args    []string
	environ []string
}

const network = "lazisync-test"

func startEngine(t *testing.T, c *Compose) *engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "lazisync-containers-") //nolint:usetesting // removed after the containers
	require.NoError(t, err)
	conf := filepath.Join(dir, "containers.conf")
	runtime := filepath.Join(dir, "limited")
	require.NoError(t, os.WriteFile(runtime, []byte(limited), 0o700)) //nolint:gosec // a program
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, podmanConf, runtime), 0o600))
	networks := filepath.Join(dir, "networks")
	require.NoError(t, os.Mkdir(networks, 0o700))
	e := &engine{
		t: t, compose: c, environ: append(os.Environ(), "CONTAINERS_CONF="+conf),
		args: []string{
			"--root=" + filepath.Join(dir, "storage"), "--runroot=" + filepath.Join(dir, "run"), "--network-config-dir=" + networks,
		},
	}
	t.Cleanup(func() {
		if t.Failed() {
			e.printLogs()
		}
		for _, command := range [][]string{{"pod", "rm", "--force", "--all"}, {"rm", "--force", "--all", "--time=0"}, {"network", "rm", network}} {
			_, _ = e.try(command...)
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	e.run("network", "create", network)
	build := exec.CommandContext(t.Context(), "sh", filepath.Join("testdata", "images.sh"), absolute(t, root), t.TempDir())
	build.Env = append(slices.Clone(e.environ), "PODMAN=podman "+strings.Join(e.args, " "),
		"NATS_IMAGE="+e.image("nats"), "POSTGRES_IMAGE="+e.image("postgres"), "TEMPORAL_IMAGE="+e.image("temporal"), "TOOLS_IMAGE="+e.image("temporal-schema"))
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return e
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}

func (e *engine) service(name string) types.ServiceConfig {
	s, err := e.compose.project.GetService(name)
	require.NoError(e.t, err)
	return s
}

// image is the full name of a service's image.
func (e *engine) image(service string) string {
	name := e.service(service).Image
	switch strings.Count(name, "/") {
	case 0:
		return "docker.io/library/" + name
	default:
		return "docker.io/" + name
	}
}

func (e *engine) try(args ...string) (string, error) {
	command := exec.Command("podman", append(slices.Clone(e.args), args...)...)
	command.Env = e.environ
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		err = fmt.Errorf("podman %s: %w: %s%s", args[0], err, out, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

func (e *engine) run(args ...string) string {
	e.t.Helper()
	out, err := e.try(args...)
	require.NoError(e.t, err)
	return out
}

func (e *engine) printLogs() {
	names, _ := e.try("ps", "--all", "--format={{.Names}}")
	for _, name := range strings.Fields(names) {
		command := exec.Command("podman", append(slices.Clone(e.args), "logs", "--tail=15", name)...)
		command.Env = e.environ
		log, _ := command.CombinedOutput()
		e.t.Logf("%s:\n%s", name, log)
	}
}

// arguments are those of podman run for a service: what Compose would ask a container engine for.
func (e *engine) arguments(name string) []string {
	s := e.service(name)
	args := []string{"--network=" + network, "--network-alias=" + name, "--pull=never", fmt.Sprintf("--memory=%d", s.MemLimit)}
	for variable, value := range s.Environment {
		if value != nil {
			args = append(args, "--env="+variable+"="+*value)
		}
	}
	for _, v := range s.Volumes {
		source, options := v.Source, ""
		if v.ReadOnly {
			options = ":ro"
		}
		args = append(args, "--volume="+source+":"+v.Target+options)
	}
	for _, p := range s.Ports {
		args = append(args, fmt.Sprintf("--publish=%s:%s:%d", p.HostIP, p.Published, p.Target))
	}
	for _, c := range s.CapDrop {
		args = append(args, "--cap-drop="+c)
	}
	for _, o := range s.SecurityOpt {
		args = append(args, "--security-opt="+strings.TrimSuffix(o, ":true"))
	}
	if s.ReadOnly {
		args = append(args, "--read-only", "--read-only-tmpfs=false")
	}
	if s.ShmSize > 0 {
		args = append(args, fmt.Sprintf("--shm-size=%d", s.ShmSize))
	}
	if s.HealthCheck != nil && !s.HealthCheck.Disable {
		test, _ := jsonText(s.HealthCheck.Test[1:]) // without CMD
		args = append(args, "--health-cmd="+test, "--health-interval=disable")
	} else if s.HealthCheck != nil {
		args = append(args, "--no-healthcheck")
	}
	if len(s.Entrypoint) > 0 {
		text, _ := jsonText(s.Entrypoint)
		args = append(args, "--entrypoint="+text)
	}
	return args
}

// up starts a service, waits until it is healthy or has ended well, as its dependents do.
func (e *engine) up(name string) {
	e.t.Helper()
	s := e.service(name)
	args := append([]string{"run", "--detach", "--name=" + name, "--restart=" + s.Restart}, e.arguments(name)...)
	e.run(append(append(args, e.image(name)), s.Command...)...)
	if strings.HasPrefix(s.Restart, types.RestartPolicyOnFailure) {
		require.Eventually(e.t, func() bool {
			state, _ := e.try("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", name)
			return state == "exited 0"
		}, containerWait, 500*time.Millisecond, "%s has not ended", name)
		return
	}
	e.healthy(name)
}

// healthy waits for the health check of a service, which the test runs, because Podman needs
// systemd to run it by itself.
func (e *engine) healthy(name string) {
	e.t.Helper()
	if check := e.service(name).HealthCheck; check == nil || check.Disable {
		return
	}
	var last error
	require.Eventually(e.t, func() bool {
		_, last = e.try("healthcheck", "run", name)
		return last == nil
	}, containerWait, 500*time.Millisecond, "%s is not healthy", name)
}

// command runs a command of lazisync in the toolbox.
func (e *engine) command(args ...string) string {
	e.t.Helper()
	all := append([]string{"run", "--rm"}, e.arguments(toolbox)...)
	return e.run(append(append(all, e.image(toolbox)), args...)...)
}

// processOf is the folder below /proc of a container's process.
func (e *engine) processOf(name string) string {
	e.t.Helper()
	return filepath.Join("/proc", e.run("inspect", "--format={{.State.Pid}}", name))
}
