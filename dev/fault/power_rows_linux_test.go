//go:build privileged && linux

package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/lazi/lazisync/dev/deploytest"
	"github.com/lazi/lazisync/dev/powerloss"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

func TestFault74PowerLostByPostgreSQL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		unsafe   bool
		settings []string // alter database or system
		loses    bool
	}{
		"as lazisync-dev starts it":   {false, nil, false},
		"as in docker-compose.yml":    {false, composeSettings(t), false},
		"with asynchronous commits":   {false, []string{"alter database lazisync set synchronous_commit = off", "alter system set wal_writer_delay = '10s'"}, true},
		"without flushes (fsync=off)": {true, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := powerDisk(t)
			database := startDatabaseWith(t, pgserver.Options{Dir: disk.Path("postgres")})
			sql := func(statement string) {
				t.Helper()
				conn := connectTo(t, database)
				_, err := conn.Exec(t.Context(), statement)
				require.NoError(t, err, statement)
				require.NoError(t, conn.Close(t.Context()))
			}
			sql("create table acknowledged (id text primary key)")
			for _, statement := range c.settings {
				sql(statement)
			}
			require.NoError(t, database.Stop())
			database.options.Unsafe = c.unsafe
			flush(t, disk)
			database.start(t)
			conns := make([]*pgx.Conn, writers)
			for i := range conns {
				conns[i] = connectTo(t, database)
			}
			written, wait := startWriting(t, 500, func(ctx context.Context, writer int, id string) error {
				_, err := conns[writer].Exec(ctx, "insert into acknowledged values ($1)", id)
				return err
			})
			losePower(t, []*powerloss.Disk{disk}, database)
			wait()
			database.start(t)
			rows, err := connectTo(t, database).Query(t.Context(), "select id from acknowledged")
			require.NoError(t, err)
			stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			requireLoss(t, c.loses, written.lostOf(stored), written.count())
		})
	}
}

// composeSettings returns the settings of PostgreSQL in docker-compose.yml.
func composeSettings(t *testing.T) (statements []string) {
	t.Helper()
	root := filepath.Join("..", "..")
	compose, err := deploytest.Load(t.Context(), root, filepath.Join(root, "deploy", "demo.env"))
	require.NoError(t, err)
	command, err := compose.Command("postgres")
	require.NoError(t, err)
	require.Equal(t, "postgres", command[0])
	require.Greater(t, len(command), 1)
	for _, argument := range command[1:] {
		name, value, ok := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		require.True(t, ok, argument)
		statements = append(statements, fmt.Sprintf("alter system set %s = '%s'", name, value))
	}
	return statements
}

func connectTo(t *testing.T, database *ownDatabase) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.URL(""))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// What JetStream loses follows from sync_interval. The servers of a cluster lose their power at the same
// moment: otherwise the others have what one has lost.
func TestFault74PowerLostByNATS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		servers       int
		always, loses bool
	}{
		"one server, sync_interval: always":    {1, true, false},
		"one server, default sync_interval":    {1, false, true},
		"three servers, sync_interval: always": {3, true, false},
		"three servers, default sync_interval": {3, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var disks []*powerloss.Disk
			var dirs []string
			for range c.servers {
				disk := powerDisk(t)
				disks, dirs = append(disks, disk), append(dirs, disk.Path("nats"))
			}
			r := newRig(t, options{natsDir: dirs[0], natsDirs: dirs, natsCluster: c.servers > 1, durable: c.always})
			servers := []*server{r.nats}
			if c.servers > 1 {
				servers = r.cluster.servers
				r.awaitReplicas(t)
			}
			if !c.always { // it would lose the streams themselves, too
				for _, disk := range disks {
					flush(t, disk)
				}
			}
			written, wait := startWriting(t, 500, func(ctx context.Context, _ int, id string) error {
				_, err := r.js.Publish(ctx, "sync.requested", []byte(id), jetstream.WithRetryAttempts(0))
				return err
			})
			var machines []powered
			for _, one := range servers {
				machines = append(machines, one)
			}
			losePower(t, disks, machines...)
			wait()
			for _, one := range servers {
				one.restart(t)
			}
			require.Eventually(t, r.nc.IsConnected, waitLimit, tick)
			if c.servers > 1 {
				r.awaitReplicas(t)
			}
			messages, err := r.read(t.Context(), "SYNC_COMMANDS")
			require.NoError(t, err)
			var stored []string
			for _, message := range messages {
				stored = append(stored, string(message.body))
			}
			requireLoss(t, c.loses, written.lostOf(stored), written.count())
		})
	}
}

// Temporal keeps executions in SQLite here. With synchronous = normal, they are flushed every thousand pages: a
// power failure right after that loses nothing.
func TestFault74PowerLostByTemporal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		durable, loses bool
		attempts       int
	}{
		"synchronous = full":   {true, false, 1},
		"synchronous = normal": {false, true, 5},
	} {
		t.Run(name, func(t *testing.T) { // one after another: a Temporal that starts is busy
			disk := powerDisk(t)
			temporal := newServer(t, serverOptions{Kind: temporalKind, Data: disk.Path("temporal", "temporal.db"), Durable: c.durable})
			temporal.run(t)
			if !c.durable {
				flush(t, disk) // it would lose the tables, too
			}
			var lost, acknowledged int
			for range c.attempts {
				if lost, acknowledged = loseExecutions(t, disk, temporal); lost > 0 {
					break
				}
			}
			requireLoss(t, c.loses, lost, acknowledged)
		})
	}
}

// loseExecutions starts workflows until the power fails, and returns how many of them Temporal has lost.
func loseExecutions(t *testing.T, disk *powerloss.Disk, temporal *server) (lost, acknowledged int) {
	t.Helper()
	connection, err := client.NewLazyClient(client.Options{
		HostPort: temporal.addr(), Namespace: temporalserver.Namespace, Logger: sdklog.NewStructuredLogger(discard),
	})
	require.NoError(t, err)
	defer connection.Close()
	unique := uuid.NewString()
	written, wait := startWriting(t, 200, func(ctx context.Context, _ int, id string) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := connection.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: unique + id, TaskQueue: "without-worker"}, "Unknown")
		return err
	})
	losePower(t, []*powerloss.Disk{disk}, temporal)
	wait()
	temporal.restart(t)
	var stored []string
	for id := range written.ids {
		_, err := connection.DescribeWorkflowExecution(t.Context(), unique+id, "")
		if notFound := (*serviceerror.NotFound)(nil); errors.As(err, &notFound) {
			continue
		}
		require.NoError(t, err)
		stored = append(stored, id)
	}
	return written.lostOf(stored), written.count()
}

// lazisync-dev is started for the first time, and the power fails when it is ready. What its servers have
// created is usable, with the same passwords.
func TestFault74PowerLostAfterTheFirstStart(t *testing.T) {
	t.Parallel()
	disk := powerDisk(t)
	require.NoError(t, os.Mkdir(disk.Path("stack"), 0o711))
	all := newServer(t, serverOptions{Kind: stackKind, Data: disk.Path("stack")})
	all.run(t)
	t.Cleanup(all.killAll) // PostgreSQL with it, which has files open on the disk
	losePower(t, []*powerloss.Disk{disk}, all)
	all.restart(t)
}

// One machine with all servers and roles loses its power: during a full sync, then twice under load.
func TestFault74PowerLostByEverything(t *testing.T) {
	t.Parallel()
	disk := powerDisk(t)
	r := newRig(t, options{
		ownDatabase: true, databaseDir: disk.Path("postgres"), natsDir: disk.Path("nats"), ownTemporal: true, temporalDir: disk.Path("temporal"),
		durable: true, simulator: manyPages,
	})
	r.startAll(t, allRoles...)
	r.stack.Simulator.SetPace(time.Second)
	full := r.full(t)
	r.awaitPages(t, 8)
	require.NotEqual(t, "completed", r.state(t, full))
	repairedAt := r.losePower(t, disk)
	r.stack.Simulator.SetPace(30 * time.Millisecond)
	stop := r.load(t, 50*time.Millisecond)
	for range 2 {
		r.awaitPublished(t, 20)
		repairedAt = r.losePower(t, disk)
	}
	r.awaitPublished(t, 20)
	r.stack.Simulator.SetPace(0)
	stop()
	r.checkOracle(t, repairedAt)
}

// losePower ends all servers and roles, and starts them again.
func (r *rig) losePower(t *testing.T, disk *powerloss.Disk) time.Time {
	t.Helper()
	machine := []powered{r.database, r.nats, r.temporal}
	for _, one := range r.roles {
		machine = append(machine, one)
	}
	losePower(t, []*powerloss.Disk{disk}, machine...)
	r.database.start(t)
	r.nats.restart(t)
	r.temporal.restart(t)
	r.startAll(t, allRoles...)
	return time.Now()
}
