package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

func TestDemoOnce(t *testing.T) {
	t.Parallel()
	who := person{name: "the user of the test"}
	home := who.home(t)
	demo := launch(t, who, home, "demo", "--once", "--free-ports", "--records=300")
	require.Zero(t, demo.awaitEnd(t, 2*patience))
	said := demo.out.String()
	require.Contains(t, said, "All 1,200 rows are equal")
	require.Contains(t, said, `Slack message in #sync-alerts: "Full sync completed: 1,200 records`)
	require.Contains(t, said, "nothing is left running")
	require.Empty(t, processesOf(t, home))
}

func TestDemoKeepsRunningWhileRecordsChange(t *testing.T) {
	t.Parallel()
	who := person{name: "the user of the test"}
	home := who.home(t)
	demo := launch(t, who, home, "demo", "--free-ports", "--records=100")
	demo.awaitText(t, "incremental run 2 completed")
	require.NoError(t, demo.cmd.Process.Signal(syscall.SIGINT))
	require.Zero(t, demo.awaitEnd(t, shutdownLimit))
	require.Empty(t, processesOf(t, home))
}

func TestDemoNamesTheRecordThatDiffers(t *testing.T) {
	t.Parallel()
	var out process.Log
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	r, err := start(ctx, &out, filepath.Join(t.TempDir(), "data"), stack.Options{
		Environ: os.Environ(), Isolated: true, FreePorts: true, Unsafe: true,
		Simulator: simulator.Options{RecordsPerEntity: 20, Seed: 1},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.stop()) }()
	require.NoError(t, r.fullSync(ctx, 20))
	require.NoError(t, r.compareRows(ctx))

	db, err := pgx.Connect(ctx, string(r.cfg.DatabaseURL))
	require.NoError(t, err)
	defer db.Close(ctx)
	for _, statement := range []string{
		"update raw.st_customers set full_data = jsonb_set(full_data, '{name}', '\"Somebody Else\"') where st_id = (select min(st_id) from raw.st_customers)",
		"delete from raw.st_jobs where st_id = (select max(st_id) from raw.st_jobs)",
		"update raw.st_invoices set st_id = st_id + 1000000 where st_id = (select max(st_id) from raw.st_invoices)",
		"update raw.st_estimates set deleted_at = now() where st_id = (select min(st_id) from raw.st_estimates)",
	} {
		tag, err := db.Exec(ctx, statement)
		require.NoError(t, err)
		require.EqualValues(t, 1, tag.RowsAffected())
	}
	require.ErrorContains(t, r.compareRows(ctx), "see the differences above")
	said := out.String()
	for _, text := range []string{
		`name is "Somebody Else" in PostgreSQL, want`, "customers    20 records, 20 rows, 19 equal",
		"is not in PostgreSQL", "jobs         20 records, 19 rows, 19 equal",
		"is in PostgreSQL and not in ServiceTitan", "deleted is true in PostgreSQL, want false",
	} {
		require.Contains(t, said, text)
	}
}

// TestDoctorAcceptsTheDemo: the commands that the documents suggest work in the
// environment that `lazisync-dev env` prints, and find nothing to fix.
func TestDoctorAcceptsTheDemo(t *testing.T) {
	t.Parallel()
	var out process.Log
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "data")
	r, err := start(ctx, &out, dir, stack.Options{
		Environ: os.Environ(), Isolated: true, FreePorts: true, Unsafe: true, Webhooks: true,
		Simulator: simulator.Options{RecordsPerEntity: 20, Seed: 1},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.stop()) }()
	require.NoError(t, r.fullSync(ctx, 20))

	var environ []string
	for name, value := range variables(t, dir) {
		environ = append(environ, name+"="+value)
	}
	cfg, err := app.Load(environ, app.ServeRole)
	require.NoError(t, err)
	var said string
	require.Eventually(t, func() bool { // task queues and consumers are described with some delay
		var report bytes.Buffer
		err = commands.Doctor(ctx, cfg, app.ServeRole.Role, false, &report)
		said = report.String()
		return err == nil && strings.Contains(said, " 0 warnings, 0 failures")
	}, patience, time.Second, "%v\n%s", &err, &said)
	for _, suggested := range []func(*config.Config) error{
		func(cfg *config.Config) error {
			return commands.Migrate(ctx, cfg, cli.MigrateOptions{}, zerolog.Nop(), io.Discard)
		},
		func(cfg *config.Config) error {
			return cli.Status(ctx, commands.Backends(cfg), cli.StatusOptions{}, io.Discard)
		},
		func(cfg *config.Config) error {
			return cli.Request(ctx, commands.Backends(cfg), cfg, cli.RequestOptions{Mode: "rebuild", Entities: []string{"customers"}, Wait: true}, io.Discard)
		},
		func(cfg *config.Config) error {
			return cli.ListSchedules(ctx, commands.Backends(cfg), false, io.Discard)
		},
	} {
		require.NoError(t, suggested(cfg))
	}
}

// The demo is held to its word that it touches nothing it did not start.
func TestDemoIgnoresConfiguredAddresses(t *testing.T) {
	t.Parallel()
	var touched process.Log
	foreign := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = touched.Write([]byte(r.URL.Path)) })
	server := testserver.Start(t, foreign)
	var out, errs process.Log
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "PG_BIN=" + os.Getenv("PG_BIN"),
		"SERVICETITAN_API_URL=" + server, "SERVICETITAN_CLIENT_ID=real", "SLACK_WEBHOOK_URL=" + server,
		"NATS_URL=" + strings.Replace(server, "http", "nats", 1), "DATABASE_URL=" + strings.Replace(server, "http://", "postgres://me:secret@", 1),
		"TEMPORAL_ADDRESS=" + strings.TrimPrefix(server, "http://"), "SYNC_ENTITYS=misspelt",
	}
	code := run(t.Context(), []string{"demo", "--once", "--free-ports", "--records=10", "--dir=" + filepath.Join(t.TempDir(), "data")}, environ, &out, &errs)
	require.Zero(t, code, errs.String())
	require.Contains(t, out.String(), "ignores DATABASE_URL, NATS_URL, SERVICETITAN_API_URL, SERVICETITAN_CLIENT_ID, SLACK_WEBHOOK_URL, SYNC_ENTITYS, TEMPORAL_ADDRESS.")
	require.Empty(t, touched.String())
}
