package fault

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// The primary is killed and its standby promoted; the former primary becomes the standby of
// the new one, and is promoted in turn when that is stopped. Each commit waits for the
// standby, so that nothing acknowledged is lost. The unlogged table of the ids that a full
// read has seen is not replicated: that read marks nothing as deleted.
func TestFault60FailoverToAStandbyAndBack(t *testing.T) {
	t.Parallel()
	first := startDatabase(t, "")
	second := startDatabaseWith(t, pgserver.Options{Dir: t.TempDir(), Password: first.password(t)})
	all := append(slices.Clone(core), "campaigns") // it has no feed: a full read detects deleted records
	r := newRig(t, options{
		database: first, simulator: manyPages, environ: []string{"SYNC_ENTITIES=" + strings.Join(all, ",")},
		reach: func(t *testing.T, _ string) string {
			second.follow(t, first)
			return anyOf(t, first, second)
		},
	})
	r.compared = all
	r.connectDatabase(t, anyOf(t, first, second)+"&target_session_attrs=read-write")
	r.startAll(t, allRoles...)
	r.firstSync(t)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	stop := r.load(t, 100*time.Millisecond)
	a := r.full(t)
	r.awaitPages(t, 20)

	require.NoError(t, first.kill())
	second.promote(t)
	r.awaitPublished(t, 10)
	r.awaitPages(t, 20)

	first.follow(t, second)
	r.fullInProgress(t, a)
	r.awaitPages(t, 20)
	require.NoError(t, second.Stop()) // a clean shutdown: its standby has everything
	first.promote(t)
	promoted := time.Now()
	r.awaitPages(t, 20)
	stop()
	r.checkOracle(t, promoted)
}

// anyOf returns a URL of two servers, of which one accepts writes.
func anyOf(t *testing.T, first, second *ownDatabase) string {
	t.Helper()
	address, err := url.Parse(first.URL(""))
	require.NoError(t, err)
	address.Host = first.Addr() + "," + second.Addr()
	return address.String()
}

func (d *ownDatabase) password(t *testing.T) string {
	t.Helper()
	address, err := url.Parse(d.URL(""))
	require.NoError(t, err)
	password, _ := address.User.Password()
	return password
}

// follow makes the server a standby of a primary, and returns when each commit of the primary waits
// for it.
func (d *ownDatabase) follow(t *testing.T, primary *ownDatabase) {
	t.Helper()
	if !d.hasEnded() {
		require.NoError(t, d.Stop())
	}
	data := filepath.Join(d.Dir(), "data")
	require.NoError(t, os.RemoveAll(data))
	require.NoError(t, os.Mkdir(data, 0o700))
	found, err := pgserver.FindBinaries()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(found.Dir, "pg_basebackup"),
		"--pgdata="+data, "--dbname="+primary.URL(""), "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	cmd.Dir, cmd.Env = "/", []string{"LC_ALL=C"}
	require.NoError(t, pgserver.RunAs(cmd, data))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	d.start(t)
	primary.execute(t, "alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")
	require.Eventually(t, func() bool {
		return primary.asks(t, "select exists (select from pg_stat_replication where sync_state = 'sync')")
	}, waitLimit, tick, "the standby does not stream")
}

// promote makes a standby the primary, and returns when it accepts writes.
func (d *ownDatabase) promote(t *testing.T) {
	t.Helper()
	require.True(t, d.asks(t, "select pg_promote()"))
}

// execute executes statements on this server.
func (d *ownDatabase) execute(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		d.on(t, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, sql)
			return err
		})
	}
}

// asks returns the result of a boolean query on this server.
func (d *ownDatabase) asks(t *testing.T, sql string) (answer bool) {
	t.Helper()
	d.on(t, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&answer) })
	return answer
}

func (d *ownDatabase) on(t *testing.T, f func(ctx context.Context, conn *pgx.Conn) error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.URL(""))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	require.NoError(t, f(t.Context(), conn))
}
