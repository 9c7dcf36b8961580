package examples

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/deploytest"
	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

const (
	patience = 3 * time.Minute // a shell example starts a dozen programs for each event
	records  = 300             // of each entity
)

var root = filepath.Join("..", "..")

// deployment is what docker-compose.yml describes, without the containers.
type deployment struct {
	compose *deploytest.Compose
	log     *process.Log
	places  *strings.Replacer // addresses in the file → addresses here

	superuser func(database string) (url string) // of PostgreSQL
}

// deploy starts the services and migrates.
func deploy(t *testing.T) *deployment {
	t.Helper()
	compose, err := deploytest.Load(t.Context(), root, filepath.Join(root, "deploy", "demo.env"), "demo")
	require.NoError(t, err)
	d := &deployment{compose: compose, log: &process.Log{}}
	postgres := d.startPostgres(t)
	nats := d.startNATS(t)
	temporal, err := temporalserver.Start(t.Context(), temporalserver.Options{File: filepath.Join(t.TempDir(), "temporal.db"), Unsafe: true, Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, temporal.Stop()) })
	d.places = strings.NewReplacer(
		"@postgres:5432", "@"+postgres, "@nats:4222", "@"+nats, "=temporal:7233", "="+temporal.Addr(), "simulator:8099", startSimulator(t))
	require.NoError(t, commands.Migrate(t.Context(), d.config(t, app.MigrateRole), cli.MigrateOptions{}, zerolog.New(d.log), io.Discard))
	return d
}

func (d *deployment) startPostgres(t *testing.T) (addr string) {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Dir: t.TempDir(), Unsafe: true, StopWithParent: true, RemoveAfter: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	psql, err := pgserver.FindBinaries() // which the examples use
	require.NoError(t, err)
	t.Setenv("PATH", psql.Dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	require.NoError(t, d.compose.SetUpPostgres(t.Context(), root, server))
	d.superuser = server.URL
	return server.Addr()
}

// startNATS reads deploy/nats.conf as the server does, which takes the passwords from
// the environment of the process.
func (d *deployment) startNATS(t *testing.T) (addr string) {
	t.Helper()
	for _, entry := range d.environ(t, "nats") {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	options, err := natsd.ProcessConfigFile(filepath.Join(root, "deploy", "nats.conf"))
	require.NoError(t, err)
	require.True(t, options.SyncAlways)
	require.Empty(t, options.NoAuthUser)
	options.Host, options.Port, options.HTTPPort, options.StoreDir, options.NoSigs = "127.0.0.1", natsd.RANDOM_PORT, 0, t.TempDir(), true
	server, err := natsd.NewServer(options)
	require.NoError(t, err)
	server.Start()
	t.Cleanup(func() { server.Shutdown(); server.WaitForShutdown() })
	require.True(t, server.ReadyForConnections(patience))
	return server.Addr().String()
}

func startSimulator(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- simulator.New(simulator.Options{RecordsPerEntity: records}).Serve(ctx, l) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	return l.Addr().String()
}

// environ is what a service gets, and more.
func (d *deployment) environ(t *testing.T, service string, more ...string) []string {
	t.Helper()
	entries, err := d.compose.Environ(service)
	require.NoError(t, err)
	return append(entries, more...)
}

// config is a role's configuration, by its environment in docker-compose.yml.
func (d *deployment) config(t *testing.T, role app.Role) *config.Config {
	t.Helper()
	environ := d.environ(t, role.Name, "HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0")
	for i := range environ {
		environ[i] = d.places.Replace(environ[i])
	}
	cfg, err := app.Load(environ, role)
	require.NoError(t, err)
	return cfg
}

// start runs a role until the test ends, and returns once it is ready.
func (d *deployment) start(t *testing.T, role app.Role) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done, started := make(chan error, 1), make(chan app.Started, 1)
	go func() {
		done <- app.Run(ctx, d.config(t, role), role, zerolog.New(d.log).Level(zerolog.WarnLevel), func(s app.Started) { started <- s })
	}()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	at := <-started
	toolConfig, err := app.Load([]string{"ADMIN_ADDR=" + at.Admin}, app.ToolRole)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return cli.Healthcheck(t.Context(), toolConfig, app.AdminAddrs(), role.Name, &bytes.Buffer{}) == nil
	}, patience, 50*time.Millisecond, "%s is not ready", role.Name)
}

// run runs a program to its end, which has to be exit code 0.
func (d *deployment) run(t *testing.T, environ []string, name string, args ...string) string {
	t.Helper()
	out, code := d.try(t, environ, name, args...)
	require.Zero(t, code, "%s: %s", name, out)
	return out
}

// try is run for a program that may fail.
func (d *deployment) try(t *testing.T, environ []string, name string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), environ...)
	text, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err, "%s", text)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// as is the environment of an example: a user of NATS and one of PostgreSQL.
func (d *deployment) as(natsUser, databaseUser string) []string {
	return []string{
		d.places.Replace(fmt.Sprintf("NATS_URL=nats://%s:demo-%s@nats:4222", natsUser, natsUser)),
		d.places.Replace(fmt.Sprintf("DATABASE_URL=postgres://lazisync_%s:demo-%s@postgres:5432/lazisync", databaseUser, databaseUser)),
	}
}
