package deploytest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/simulator"
)

var (
	root    = filepath.Join("..", "..")
	demoEnv = filepath.Join(root, "deploy", "demo.env")
)

var roles = []app.Role{app.BridgeRole, app.WorkerRole, app.NotifierRole, app.GatewayRole, app.MigrateRole}

func load(t *testing.T, envFile string, profiles ...string) *Compose {
	t.Helper()
	c, err := Load(context.Background(), root, envFile, profiles...)
	require.NoError(t, err)
	return c
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(text)
}

func TestComposeGivesEveryRoleWhatItNeeds(t *testing.T) {
	t.Parallel()
	c := load(t, demoEnv)
	for _, role := range roles {
		environ, err := c.Environ(role.Name)
		require.NoError(t, err)
		_, err = app.Load(environ, role)
		require.NoError(t, err, role.Name)
		s, err := c.project.GetService(role.Name)
		require.NoError(t, err)
		require.Equal(t, types.ShellCommand{role.Name}, s.Command)
		require.True(t, slices.ContainsFunc(environ, func(e string) bool {
			return strings.HasPrefix(e, "NATS_URL=nats://"+role.Name+":")
		}), "%s is not the NATS user of its name", role.Name)
		require.Contains(t, environ, "NATS_INBOX_PREFIX=_INBOX_"+role.Name)
	}
}

func TestComposePublishesOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	c := load(t, demoEnv, "*")
	published := 0
	for name, s := range c.project.Services {
		for _, p := range s.Ports {
			published++
			require.Equal(t, "127.0.0.1", p.HostIP, name)
		}
	}
	require.Positive(t, published)
	ui, err := c.project.GetService("temporal-ui")
	require.NoError(t, err)
	require.Equal(t, "8088", ui.Ports[0].Published)
}

func TestComposeWaitsForHealthyDependencies(t *testing.T) {
	t.Parallel()
	c := load(t, demoEnv, "*")
	for name, s := range c.project.Services {
		for on, d := range s.DependsOn {
			other, err := c.project.GetService(on)
			require.NoError(t, err)
			switch d.Condition {
			case types.ServiceConditionHealthy:
				require.NotNil(t, other.HealthCheck, "%s waits for the health of %s", name, on)
			case types.ServiceConditionCompletedSuccessfully:
				require.NotEqual(t, types.RestartPolicyUnlessStopped, other.Restart, "%s waits for the end of %s", name, on)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				_, err := os.Stat(v.Source)
				require.NoError(t, err, name)
			}
		}
	}
}

func TestComposeProfilesAddDemoAndMetrics(t *testing.T) {
	t.Parallel()
	always := load(t, demoEnv).project.ServiceNames()
	for _, name := range []string{"nats", "postgres", "temporal", "temporal-ui", "migrate", "bridge", "worker", "notifier", "gateway"} {
		require.Contains(t, always, name)
	}
	require.NotContains(t, always, "simulator")
	require.Contains(t, load(t, demoEnv, "demo").project.ServiceNames(), "simulator")
	metrics := load(t, demoEnv, "metrics").project.ServiceNames()
	require.Contains(t, metrics, "prometheus")
	require.Contains(t, metrics, "grafana")
}

// interpolated are the variables that a compose file reads from the environment.
var interpolated = regexp.MustCompile(`\$\{([A-Z_]+)[:}]|(?m)^ +([A-Z_]+):$`)

func TestComposeUsesOnlyVariablesOfEnvExample(t *testing.T) {
	t.Parallel()
	example := "\n" + strings.ReplaceAll(read(t, ".env.example"), "\n#", "\n")
	var taken []string
	for _, m := range interpolated.FindAllStringSubmatch(read(t, "docker-compose.yml"), -1) {
		name := m[1] + m[2]
		taken = append(taken, name)
		require.Regexp(t, `\n(`+name+`|`+strings.TrimSuffix(name, "_FILE")+`)=`, example)
	}
	require.Greater(t, len(taken), 40)
	for _, line := range strings.Split(read(t, "deploy", "demo.env"), "\n") {
		if name, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			require.Contains(t, taken, name, "deploy/demo.env sets a variable that no service reads")
		}
	}
}

func TestDemoUsesTheDefaultsOfTheSimulator(t *testing.T) {
	t.Parallel()
	variables, err := dotenv.Read(demoEnv)
	require.NoError(t, err)
	require.Equal(t, "1039746210", variables["SERVICETITAN_TENANT_ID"])
	require.EqualValues(t, 1039746210, simulator.DefaultTenant)
	require.Equal(t, simulator.DefaultClientID, variables["SERVICETITAN_CLIENT_ID"])
	require.Equal(t, simulator.DefaultClientSecret, variables["SERVICETITAN_CLIENT_SECRET"])
	require.Equal(t, simulator.DefaultAppKey, variables["SERVICETITAN_APP_KEY"])
}

// What new-env prints is enough once the tenant is filled in, and not before.
func TestNewEnvGeneratesEveryPassword(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("sh", filepath.Join(root, "deploy", "new-env")).Output()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(file, out, 0o600))
	_, err = Load(t.Context(), root, file)
	require.ErrorContains(t, err, "see .env.example")

	filled := string(out)
	for _, name := range []string{"TENANT_ID=1001", "CLIENT_ID=c", "CLIENT_SECRET=s", "APP_KEY=k"} {
		empty, _, _ := strings.Cut(name, "=")
		filled = strings.Replace(filled, "SERVICETITAN_"+empty+"=\n", "SERVICETITAN_"+name+"\n", 1)
	}
	require.NoError(t, os.WriteFile(file, []byte(filled), 0o600))
	c := load(t, file)
	seen := map[string]bool{}
	for _, role := range roles {
		environ, err := c.Environ(role.Name)
		require.NoError(t, err)
		_, err = app.Load(environ, role)
		require.NoError(t, err, role.Name)
		for _, e := range environ {
			if url, ok := strings.CutPrefix(e, "NATS_URL="); ok {
				require.False(t, seen[url], "two roles share a password")
				seen[url] = true
			}
		}
	}
}

func goVersion(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))
	require.NotNil(t, m)
	return m[1]
}

// The build context has every source of the binaries, whatever .dockerignore excludes.
func TestDockerignoreKeepsTheSourcesOfTheBinaries(t *testing.T) {
	t.Parallel()
	list := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./cmd/...")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	ignore := read(t, ".dockerignore")
	for _, path := range strings.Fields(string(out)) {
		name, ours := strings.CutPrefix(path, "github.com/lazi/lazisync/")
		if !ours {
			continue
		}
		top, _, _ := strings.Cut(name, "/")
		require.Contains(t, ignore, "\n!"+top+"\n", name)
	}
}
