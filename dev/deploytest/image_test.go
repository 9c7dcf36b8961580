package deploytest

import (
	"debug/elf"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/internal/stream"
)

// stages are those of the Dockerfile, as BuildKit reads it.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(read(t, "Dockerfile")))
	require.NoError(t, err)
	require.Empty(t, parsed.Warnings)
	stages, _, err := instructions.Parse(parsed.AST, nil)
	require.NoError(t, err)
	require.Len(t, stages, 4)
	return stages
}

// of lists a stage's commands of one kind.
func of[C any](stage instructions.Stage) (list []C) {
	for _, command := range stage.Commands {
		if c, ok := command.(C); ok {
			list = append(list, c)
		}
	}
	return list
}

func TestImageIsStaticAndUnprivileged(t *testing.T) {
	t.Parallel()
	all := stages(t)
	build, image := all[0], all[len(all)-1] // the last stage is the default target
	require.Regexp(t, `^golang:`+regexp.QuoteMeta(goVersion(t))+`-`, build.BaseName)
	require.Contains(t, variables(build), "CGO_ENABLED=0")
	require.Contains(t, variables(build), "GOTOOLCHAIN=local")
	runs := of[*instructions.RunCommand](build)
	last := strings.Join(runs[len(runs)-1].CmdLine, " ")
	require.Contains(t, last, `go build -trimpath`)
	require.Contains(t, last, `-ldflags="-s -w `+stamp+`$VERSION" -o /lazisync ./cmd/lazisync`)
	require.NotEmpty(t, of[*instructions.ArgCommand](build), "VERSION is known where it is used")

	require.Equal(t, "gcr.io/distroless/static-debian12:nonroot", image.BaseName)
	require.Empty(t, of[*instructions.RunCommand](image), "there is no shell")
	require.Equal(t, "nonroot:nonroot", of[*instructions.UserCommand](image)[0].User)
	copied := of[*instructions.CopyCommand](image)
	require.Len(t, copied, 1)
	require.Equal(t, "build", copied[0].From)
	require.Equal(t, []string{"/lazisync"}, copied[0].SourcePaths)
	program := copied[0].DestPath
	require.Equal(t, []string{program}, []string(of[*instructions.EntrypointCommand](image)[0].CmdLine))
	require.Equal(t, []string{"serve"}, []string(of[*instructions.CmdCommand](image)[0].CmdLine))
	health := of[*instructions.HealthCheckCommand](image)[0].Health
	require.Equal(t, []string{"CMD", program, "healthcheck"}, health.Test)
	require.Greater(t, health.Timeout.Seconds(), 5.0, "lazisync healthcheck takes up to 5 s")
	require.Contains(t, variables(image), "ADMIN_ADDR=0.0.0.0:9090", "where the probes and Prometheus ask")

	for _, needed := range strings.Fields(read(t, ".dockerignore")) {
		if path, ok := strings.CutPrefix(needed, "!"); ok {
			_, err := os.Stat(filepath.Join(root, path))
			require.NoError(t, err, ".dockerignore")
		}
	}
}

func TestSimulatorHasItsOwnImage(t *testing.T) {
	t.Parallel()
	all := stages(t)
	build, image := all[1], all[2]
	require.Equal(t, "build", build.BaseName)
	require.Equal(t, "simulator", image.Name)
	require.Equal(t, all[3].BaseName, image.BaseName)
	require.Equal(t, "nonroot:nonroot", of[*instructions.UserCommand](image)[0].User)
	copied := of[*instructions.CopyCommand](image)
	require.Len(t, copied, 1)
	require.Equal(t, build.Name, copied[0].From)
	require.Equal(t, []string{copied[0].DestPath}, []string(of[*instructions.EntrypointCommand](image)[0].CmdLine))
	last := of[*instructions.RunCommand](build)[0]
	require.Contains(t, strings.Join(last.CmdLine, " "), "-o "+copied[0].SourcePaths[0]+" ./cmd/servicetitan-simulator")
}

func variables(stage instructions.Stage) (list []string) {
	for _, command := range of[*instructions.EnvCommand](stage) {
		for _, pair := range command.Env {
			list = append(list, pair.Key+"="+pair.Value)
		}
	}
	return list
}

// stamp is the flag of the linker that gives the binary its version.
const stamp, stamped = "-X github.com/lazi/lazisync/internal/telemetry.version=", "1.2.3-test"

// binary is lazisync as the image has it, but for this machine, and with the paths and
// symbols that other builds have, whose packages it then need not compile again.
var binary = sync.OnceValues(func() (string, error) {
	var err error
	if binaryDir, err = os.MkdirTemp("", "lazisync-image-"); err != nil {
		return "", err
	}
	path := filepath.Join(binaryDir, "lazisync")
	build := exec.Command("go", "build", "-ldflags", stamp+stamped, "-o", path, "./cmd/lazisync")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	build.Stderr = os.Stderr
	return path, build.Run()
})

var binaryDir string // "" until a test needs it

func TestMain(m *testing.M) {
	if err := setPasswords(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
	os.Exit(code)
}

func TestBinaryIsStaticAndSmall(t *testing.T) {
	t.Parallel()
	path, err := binary()
	require.NoError(t, err)
	size, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, size.Size(), int64(100<<20))
	if runtime.GOOS != "linux" {
		return // only Linux has such files, and only there is the image built
	}
	file, err := elf.Open(path)
	require.NoError(t, err)
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
	for _, segment := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, segment.Type, "it asks for a dynamic linker")
	}
}

// In an image without /etc/localtime the local time is named UTC, which is a time zone.
func TestImageAcceptsTheTimeZoneUTC(t *testing.T) {
	t.Parallel()
	path, err := binary()
	require.NoError(t, err)
	for _, zone := range []string{"UTC", "America/Los_Angeles"} {
		command := exec.CommandContext(t.Context(), path, "config")
		command.Env = []string{"TZ=", "SYNC_TIMEZONE=" + zone}
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// role is a running lazisync, of the image's binary.
type role struct {
	*process.Process
	admin string
}

// startRole runs a role until the test ends and returns once it has logged its address.
func startRole(t *testing.T, name string, environ ...string) *role {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	command := exec.Command(path, name)
	command.Env = append(environ, "ADMIN_ADDR=127.0.0.1:0", "HTTP_ADDR=127.0.0.1:0")
	running, err := process.Start(command)
	require.NoError(t, err)
	t.Cleanup(running.Kill)
	at, err := running.AwaitListening(patience)
	require.NoError(t, err)
	return &role{running, strings.TrimPrefix(at.Admin, "http://")}
}

func TestImageHasItsVersion(t *testing.T) {
	t.Parallel()
	path, err := binary()
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), path, "--version").Output()
	require.NoError(t, err)
	require.Regexp(t, `^lazisync `+regexp.QuoteMeta(stamped)+` \(go1\.`, string(out))

	notifier := startRole(t, "notifier", "NATS_URL=nats://127.0.0.1:1")
	response, err := http.Get("http://" + notifier.admin + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Regexp(t, `lazisync_build_info\{goversion="go1\.[^"]*",version="`+regexp.QuoteMeta(stamped)+`"\} 1`, string(metrics))
}

// healthcheck is what the container's health check runs.
func healthcheck(t *testing.T, admin string) (output string, err error) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), path, "healthcheck")
	command.Env = []string{"ADMIN_ADDR=" + admin}
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestHealthcheckReportsReadiness(t *testing.T) {
	t.Parallel()
	server, err := natsserver.Start(t.Context(), natsserver.Options{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	notifier := startRole(t, "notifier", "NATS_URL="+server.URL())
	require.Eventually(t, func() bool {
		out, err := healthcheck(t, notifier.admin)
		return err != nil && strings.Contains(out, "503") && strings.Contains(out, "nats")
	}, patience, tick, "no streams yet: it is not ready, and says why")

	conn, err := stream.Connect(stream.Options{URL: server.URL(), Logger: zerolog.Nop()})
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Declare(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := healthcheck(t, notifier.admin); return err == nil }, patience, tick)

	_, err = healthcheck(t, "127.0.0.1:1")
	require.Error(t, err, "no server listens")
}

// What is deployed is what is tested: images have the versions of the modules that the
// tests embed.
func TestImagesHaveTheVersionsThatAreTested(t *testing.T) {
	t.Parallel()
	modules := read(t, "dev", "go.mod")
	version := func(module string) string {
		m := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(module) + ` v(\S+)`).FindStringSubmatch(modules)
		require.NotNil(t, m, module)
		return m[1]
	}
	prometheus := strings.Split(version("github.com/prometheus/prometheus"), ".") // v3.5.0 is module v0.305.0
	require.Equal(t, "0", prometheus[0])
	require.Equal(t, "3", prometheus[1][:1])
	c := load(t, demoEnv, "*")
	for service, image := range map[string]string{
		"nats":               "nats:" + version("github.com/nats-io/nats-server/v2") + "-alpine",
		"temporal":           "temporalio/server:" + version("go.temporal.io/server"),
		"temporal-schema":    "temporalio/admin-tools:" + version("go.temporal.io/server"),
		"temporal-namespace": "temporalio/admin-tools:" + version("go.temporal.io/server"),
		"temporal-ui":        "temporalio/ui:" + version("github.com/temporalio/ui-server/v2"),
		"prometheus":         "prom/prometheus:v3." + strings.TrimLeft(prometheus[1][1:], "0") + "." + prometheus[2],
	} {
		s, err := c.project.GetService(service)
		require.NoError(t, err)
		require.Equal(t, image, s.Image)
	}
}
