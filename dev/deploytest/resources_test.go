package deploytest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/go-units"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/app"
)

func TestComposeLimitsMemoryAndLogs(t *testing.T) {
	t.Parallel()
	for name, s := range load(t, demoEnv, "*").project.Services {
		require.GreaterOrEqual(t, int64(s.MemLimit), int64(64<<20), name)
		require.NotNil(t, s.Logging, name)
		files, err := strconv.Atoi(s.Logging.Options["max-file"])
		require.NoError(t, err, name)
		size, err := units.FromHumanSize(s.Logging.Options["max-size"])
		require.NoError(t, err, name)
		require.LessOrEqual(t, int64(files)*size, int64(50_000_000), name)
	}
}

// A role may use the same memory in Kubernetes and Compose.
func TestKubernetesLimitsMemoryAsComposeDoes(t *testing.T) {
	t.Parallel()
	c := load(t, demoEnv, "cli")
	for name, pod := range podsOf(t) {
		s, err := c.project.GetService(name)
		require.NoError(t, err)
		require.Equal(t, int64(s.MemLimit), pod.Containers[0].Resources.Limits.Memory().Value(), name)
	}
}

const (
	temporalServices    = 4  // frontend, history, matching and worker have pools of their own
	commandConnections  = 4  // default of pgx on a small machine, for migrate and the toolbox
	exporterConnections = 3  // of postgres-exporter
	reservedConnections = 3  // superuser_reserved_connections
	otherConnections    = 30 // of other programs, as deploy/README.md says
)

// setting is a setting on PostgreSQL's command line.
func (c *Compose) setting(t *testing.T, name string) string {
	t.Helper()
	s, err := c.project.GetService("postgres")
	require.NoError(t, err)
	i := slices.IndexFunc(s.Command, func(a string) bool { return strings.HasPrefix(a, "--"+name+"=") })
	require.GreaterOrEqual(t, i, 0, name)
	_, value, _ := strings.Cut(s.Command[i], "=")
	return value
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func TestPostgresHasConnectionsForAllRoles(t *testing.T) {
	t.Parallel()
	c := load(t, demoEnv, "*")
	needed := exporterConnections + reservedConnections + otherConnections + 2*commandConnections
	for _, role := range []app.Role{app.BridgeRole, app.WorkerRole, app.GatewayRole} {
		needed += int(role.Connections)
	}
	temporal, err := c.project.GetService("temporal")
	require.NoError(t, err)
	for _, name := range []string{"SQL_MAX_CONNS", "SQL_VIS_MAX_CONNS"} {
		needed += temporalServices * number(t, *temporal.Environment[name])
	}
	require.LessOrEqual(t, needed, number(t, c.setting(t, "max_connections")))
	readme := strings.Join(strings.Fields(read(t, "deploy", "README.md")), " ")
	require.Contains(t, readme, "PostgreSQL accepts "+c.setting(t, "max_connections")+" connections")
	require.Contains(t, readme, fmt.Sprintf("a worker opens up to %d, a bridge %d, a gateway %d", app.WorkerRole.Connections, app.BridgeRole.Connections, app.GatewayRole.Connections))
}

// PostgreSQL's buffers fit into its memory limit, beside its processes.
func TestPostgresSettingsFitItsMemory(t *testing.T) {
	t.Parallel()
	c := load(t, demoEnv)
	s, err := c.project.GetService("postgres")
	require.NoError(t, err)
	for name, share := range map[string]float64{"shared_buffers": 0.25, "effective_cache_size": 0.75} {
		size, err := units.RAMInBytes(c.setting(t, name))
		require.NoError(t, err)
		require.InDelta(t, share, float64(size)/float64(s.MemLimit), 0.01, name)
	}
	require.GreaterOrEqual(t, int64(s.ShmSize), int64(64<<20), "parallel queries use shared memory")
}

// The override for Temporal Cloud starts no Temporal server and waits for none.
func TestComposeWithTemporalCloud(t *testing.T) {
	t.Parallel()
	override := read(t, "deploy", "temporal-cloud.yml")
	demo := read(t, "deploy", "demo.env")
	_, err := loadWith(t.Context(), root, envFile(t, demo), override)
	require.ErrorContains(t, err, "such as")
	cloud := "\nTEMPORAL_ADDRESS=us-east-1.aws.api.temporal.io:7233\nTEMPORAL_NAMESPACE=lazisync.a1b2c\nTEMPORAL_API_KEY=key\n"
	c, err := loadWith(t.Context(), root, envFile(t, demo+cloud), override, "cli")
	require.NoError(t, err)
	for name := range c.project.Services {
		require.NotContains(t, name, "temporal")
	}
	for _, role := range roles {
		environ, err := c.Environ(role.Name)
		require.NoError(t, err)
		cfg, err := app.Load(environ, role)
		require.NoError(t, err, role.Name)
		if role.Name != "notifier" {
			require.Contains(t, cfg.Temporal.Address, ".api.temporal.io", role.Name)
			require.True(t, cfg.Temporal.TLS.Enabled(), role.Name)
			require.NotEmpty(t, cfg.Temporal.APIKey, role.Name)
		}
	}
}
