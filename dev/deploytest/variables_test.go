package deploytest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/config"
)

// toolbox is the service, and the job, in which operators run commands.
const toolbox = "cli"

var withTenants = []string{"bridge", "cli", "gateway", "migrate", "worker"}

// holders are the services that get a secret, or the tenants file. The notifier gets those of
// channels. All other variables go to every role.
var holders = map[string][]string{
	"NATS_URL":                    {"bridge", "cli", "gateway", "migrate", "notifier", "worker"},
	"DATABASE_URL":                withTenants,
	"TEMPORAL_API_KEY":            withTenants,
	"SERVICETITAN_TENANTS_FILE":   withTenants,
	"SERVICETITAN_CLIENT_SECRET":  {"worker"},
	"SERVICETITAN_APP_KEY":        {"worker"},
	"SERVICETITAN_WEBHOOK_SECRET": {"gateway"},
	"SYNC_FIELDS":                 {"worker"},
	"SYNC_FIELDS_KEY":             {"worker"},
	"API_TOKENS":                  {"gateway"},
	"OTEL_EXPORTER_OTLP_HEADERS":  {"bridge", "cli", "gateway", "migrate", "notifier", "worker"},
}

// The image sets where a role listens. The services of the file have one URL each.
var (
	setByImage   = []string{"HTTP_ADDR", "ADMIN_ADDR"}
	setByCompose = []string{"NATS_URL", "DATABASE_URL"}
)

func holdersOf(t *testing.T, v config.Variable) []string {
	t.Helper()
	list, known := holders[v.Name]
	switch {
	case known:
		return list
	case !v.Secret:
		return holders["NATS_URL"]
	}
	require.True(t, strings.HasPrefix(v.Name, "SLACK_") || strings.HasPrefix(v.Name, "NOTIFY_"), "which roles need %s?", v.Name)
	return []string{"notifier"}
}

// every is an env file that sets every variable, and for each secret also its file.
func every(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(read(t, "deploy", "demo.env") + "\n")
	for _, v := range config.Variables {
		b.WriteString(v.Name + "=value\n")
		if v.AllowsFile() {
			b.WriteString(v.Name + "_FILE=path\n")
		}
	}
	return envFile(t, b.String())
}

func envFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// servicesWith lists the services whose environment has a variable.
func (c *Compose) servicesWith(name string) (services []string) {
	for service, s := range c.project.Services {
		if _, there := s.Environment[name]; there {
			services = append(services, service)
		}
	}
	slices.Sort(services)
	return services
}

func TestComposeGivesEachVariableToTheRolesThatNeedIt(t *testing.T) {
	t.Parallel()
	c := load(t, every(t), "cli")
	for _, v := range config.Variables {
		if slices.Contains(setByImage, v.Name) {
			require.Contains(t, read(t, "Dockerfile"), v.Name+"=")
			continue
		}
		found := slices.DeleteFunc(c.servicesWith(v.Name), func(s string) bool { return strings.HasPrefix(s, "temporal") })
		require.Equal(t, holdersOf(t, v), found, v.Name)
		if v.AllowsFile() && !slices.Contains(setByCompose, v.Name) {
			require.Equal(t, holdersOf(t, v), c.servicesWith(v.Name+"_FILE"), v.Name+"_FILE")
		}
	}
	for _, password := range []string{"POSTGRES_PASSWORD", "POSTGRES_OWNER_PASSWORD"} {
		require.Equal(t, []string{"postgres"}, c.servicesWith(password))
	}
}

func TestComposeRequiresSecretsOrTheirFiles(t *testing.T) {
	t.Parallel()
	demo := read(t, "deploy", "demo.env")
	for _, name := range []string{"SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY", "API_TOKENS"} {
		var lines []string
		for _, line := range strings.Split(demo, "\n") {
			if !strings.HasPrefix(line, name+"=") {
				lines = append(lines, line)
			}
		}
		without := strings.Join(lines, "\n")
		_, err := Load(t.Context(), root, envFile(t, without))
		require.ErrorContains(t, err, "see .env.example", name)
		_, err = Load(t.Context(), root, envFile(t, without+"\n"+name+"_FILE=/run/secrets/x\n"))
		require.NoError(t, err, name)
	}
}

// documented is the block of deploy/README.md that begins with a comment, such as the name of a file.
func documented(t *testing.T, comment string) string {
	t.Helper()
	_, after, found := strings.Cut(read(t, "deploy", "README.md"), comment+"\n")
	require.True(t, found, comment)
	block, _, _ := strings.Cut(after, "```")
	return block
}

const twoTenants = `{"tenants": [{"id": 1, "clientId": "a", "clientSecret": "b"}, {"id": 2, "clientId": "c", "clientSecret": "d"}]}`

// The variables and the override of deploy/README.md mount files.
func TestComposeOverrideMountsFiles(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, line := range strings.Split(read(t, "deploy", "demo.env"), "\n") {
		if !strings.HasPrefix(line, "SERVICETITAN_TENANT") && !strings.HasPrefix(line, "SERVICETITAN_CLIENT") && !strings.HasPrefix(line, "API_TOKENS") {
			lines = append(lines, line)
		}
	}
	env := strings.Join(lines, "\n") + "\n" + documented(t, "# .env")
	c, err := loadWith(t.Context(), root, envFile(t, env), documented(t, "# docker-compose.override.yml"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tenants.json"), []byte(twoTenants), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "api-tokens"), []byte("ops="+strings.Repeat("x", 40)), 0o600))
	for _, role := range []app.Role{app.BridgeRole, app.WorkerRole, app.GatewayRole, app.MigrateRole} {
		environ, err := c.Environ(role.Name)
		require.NoError(t, err)
		for i, e := range environ {
			environ[i] = strings.Replace(e, "=/run/secrets/", "="+dir+"/", 1)
		}
		cfg, err := app.Load(environ, role)
		require.NoError(t, err, role.Name)
		require.Len(t, cfg.Tenants, 2, role.Name)
		s, err := c.project.GetService(role.Name)
		require.NoError(t, err)
		require.Equal(t, "/run/secrets", s.Volumes[0].Target)
		require.True(t, s.Volumes[0].ReadOnly)
	}
	notifier, err := c.Environ("notifier")
	require.NoError(t, err)
	_, err = app.Load(notifier, app.NotifierRole)
	require.NoError(t, err, "it has no tenants file")
}

// In Kubernetes the roles have all variables from one ConfigMap, and each secret as a variable
// of its own.
func TestKubernetesGivesEachSecretToTheRolesThatNeedIt(t *testing.T) {
	t.Parallel()
	pods := podsOf(t)
	keys := map[string]string{} // by variable
	for _, v := range config.Variables {
		if !v.Secret && v.Name != "NATS_URL" {
			continue
		}
		var found []string
		for name, pod := range pods {
			for _, e := range pod.Containers[0].Env {
				if e.Name == v.Name {
					require.NotNil(t, e.ValueFrom, v.Name)
					found = append(found, name)
					keys[v.Name] = e.ValueFrom.SecretKeyRef.Key
				}
			}
		}
		slices.Sort(found)
		require.Equal(t, holdersOf(t, v), found, v.Name)
	}
	for name, pod := range pods {
		require.Equal(t, "lazisync", pod.Containers[0].EnvFrom[0].ConfigMapRef.Name, name)
	}
	configMap := buildManifests(t)["ConfigMap/lazisync"].(*corev1.ConfigMap).Data
	example := exampleSecret(t)
	for name, key := range keys {
		require.NotContains(t, configMap, name, "a secret in the ConfigMap")
		require.Contains(t, example, key, name)
	}
}
