package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/compare"
	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/internal/store"
)

// shutdownLimit is what the program promises.
const shutdownLimit = 30 * time.Second

const upSays = "Ctrl-C stops everything."

func TestUpStartsAndStops(t *testing.T) {
	t.Parallel()
	for _, who := range people(t) {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			home := who.home(t)
			dir := filepath.Join(home, "data")
			up := launch(t, who, home, "up", "--free-ports", "--records=50", "--dir="+dir)
			up.awaitText(t, upSays)
			for name, url := range links(t, dir) {
				require.Equal(t, 200, status(t.Context(), url), "%s at %s", name, url)
			}

			second := launch(t, who, home, "up", "--free-ports", "--dir="+dir)
			require.Equal(t, 1, second.awaitEnd(t, patience))
			require.Contains(t, second.out.String(), "in use by pid")
			require.Contains(t, second.out.String(), links(t, dir)["dashboard"])
			require.NotContains(t, second.out.String(), "PostgreSQL", "nothing was started")

			require.NotContains(t, up.out.String(), variables(t, dir)["SERVICETITAN_WEBHOOK_SECRET"])
			require.NotContains(t, up.out.String(), "lazisync:", "a password in a URL")
			began := time.Now()
			require.NoError(t, up.cmd.Process.Signal(syscall.SIGTERM))
			require.Zero(t, up.awaitEnd(t, shutdownLimit))
			require.Less(t, time.Since(began), shutdownLimit)
			require.Contains(t, up.out.String(), "nothing is left running")
			require.Empty(t, processesOf(t, home))
		})
	}
}

func TestUpRecoversAfterSIGKILL(t *testing.T) {
	t.Parallel()
	for _, who := range people(t) {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			home := who.home(t)
			dir := filepath.Join(home, "data")
			args := []string{"up", "--free-ports", "--dir=" + dir}
			first := launch(t, who, home, append(args, "--records=300")...)
			first.awaitText(t, upSays)
			requestFullSync(t, dir)
			before := requireEqualTables(t, dir)

			require.NoError(t, first.cmd.Process.Kill())
			first.awaitEnd(t, patience)
			second := launch(t, who, home, args...)
			second.awaitText(t, upSays)
			require.Equal(t, before, requireEqualTables(t, dir), "what was stored is there still")
			require.Len(t, postmasters(processesOf(t, home)), 1, "the killed one left no PostgreSQL behind")

			requestFullSync(t, dir)
			requireEqualTables(t, dir)
			require.NoError(t, second.cmd.Process.Signal(os.Interrupt))
			require.Zero(t, second.awaitEnd(t, shutdownLimit))
			require.Empty(t, processesOf(t, home))
		})
	}
}

func TestUpFreshStartsWithEmptyData(t *testing.T) {
	t.Parallel()
	who := person{name: "the user of the test"}
	home := who.home(t)
	dir := filepath.Join(home, usualDir)
	stopped := func(args ...string) {
		up := launch(t, who, home, append([]string{"up", "--free-ports"}, args...)...)
		up.awaitText(t, upSays)
		requestFullSync(t, dir)
		records, err := strconv.Atoi(args[0][len("--records="):])
		require.NoError(t, err)
		require.Equal(t, 4*records, requireEqualTables(t, dir))
		stop := launch(t, who, home, "stop")
		require.Zero(t, stop.awaitEnd(t, shutdownLimit))
		require.Contains(t, stop.out.String(), "stopped pid "+strconv.Itoa(up.cmd.Process.Pid))
		require.Zero(t, up.awaitEnd(t, shutdownLimit))
	}
	stopped("--records=10")
	other := launch(t, who, home, "up", "--free-ports", "--records=20")
	require.Equal(t, 1, other.awaitEnd(t, patience))
	require.Contains(t, other.out.String(), "start with --fresh")
	stopped("--records=20", "--fresh")
	require.Empty(t, processesOf(t, home))
}

// postmasters are those that were called with a data folder: what they start is not.
func postmasters(processes []string) (found []string) {
	for _, one := range processes {
		if strings.Contains(one, "postgres -D") {
			found = append(found, one)
		}
	}
	return found
}

// requestFullSync asks as a person at a terminal would, and waits until it is decided.
func requestFullSync(t *testing.T, dir string) {
	t.Helper()
	nc, err := nats.Connect(variables(t, dir)["NATS_URL"])
	require.NoError(t, err)
	defer nc.Close()
	outcomes, err := nc.SubscribeSync("sync.completed")
	require.NoError(t, err)
	require.NoError(t, nc.Publish("sync.requested", []byte(`{"mode":"full"}`)))
	_, err = outcomes.NextMsg(patience)
	require.NoError(t, err)
}

// requireEqualTables returns the number of rows.
func requireEqualTables(t *testing.T, dir string) (rows int) {
	t.Helper()
	v := variables(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	db, err := store.Open(ctx, v["DATABASE_URL"], store.Options{Logger: zerolog.Nop()})
	require.NoError(t, err)
	defer db.Close()
	results, err := compare.Entities(ctx, v["SERVICETITAN_API_URL"], db, v["SERVICETITAN_TENANT_ID"], coreFour)
	require.NoError(t, err)
	for _, one := range results {
		require.Truef(t, one.Matched(), "%s: %d records, %d rows, %v", one.Entity, one.Records, one.Rows, one.Differences)
		require.NotZero(t, one.Rows)
		rows += one.Rows
	}
	return rows
}

var coreFour = []string{"customers", "jobs", "invoices", "estimates"}

func TestStopAndEnvWithoutARunningProcess(t *testing.T) {
	t.Parallel()
	who := person{name: "the user of the test"}
	home := who.home(t)
	stop := launch(t, who, home, "stop")
	require.Zero(t, stop.awaitEnd(t, patience))
	require.Contains(t, stop.out.String(), "nothing runs")
	env := launch(t, who, home, "env")
	require.Equal(t, 1, env.awaitEnd(t, patience))
	require.Contains(t, env.out.String(), "nothing runs in .lazisync")
	require.NoDirExists(t, filepath.Join(home, usualDir), "asking leaves no trace")
}

func TestUpRejectsInvalidConfigurationBeforeStarting(t *testing.T) {
	t.Parallel()
	who := person{name: "the user of the test"}
	home := who.home(t)
	var out, errs process.Log
	environ := []string{"SYNC_ENTITYS=customers", "SYNC_TIMEZONE=Nowhere", "PATH=" + os.Getenv("PATH")}
	code := run(t.Context(), []string{"up", "--dir=" + filepath.Join(home, "data")}, environ, &out, &errs)
	require.Equal(t, 2, code)
	require.Contains(t, errs.String(), "did you mean SYNC_ENTITIES?")
	require.Contains(t, errs.String(), "SYNC_TIMEZONE")
	require.NoDirExists(t, filepath.Join(home, "data"))
}

// What is suggested can be pasted, also from a folder with a space in its name.
func TestQuotedWordIsOneWordForAShell(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"/tmp/lazi", "bin/lazisync-dev", "/tmp/my data", "it's", "", "$HOME", "a;b", "ü*"} {
		out, err := exec.Command("sh", "-c", "printf '%s.' "+word(text)).Output()
		require.NoError(t, err, text)
		require.Equal(t, text+".", string(out))
	}
	require.Equal(t, "/tmp/lazi", word("/tmp/lazi"), "no quotes where none are needed")
}
