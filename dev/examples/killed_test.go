package examples

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// rowsEach is how many rows each run of the test changed.
const rowsEach = 4

// A consumer is killed in the middle of its work, then between its work and the
// acknowledgement. With redelivery nothing is lost and nothing is done twice, also where an
// event is delivered once more under another sequence.
func TestExampleConsumersProcessEachEventOnceAcrossKills(t *testing.T) {
	build(t)
	testConsumersAcrossKills(t, languages)
}

func testConsumersAcrossKills(t *testing.T, languages []language) {
	d := deploy(t)
	for i, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			c := &killable{deployment: d, command: l.consume, work: d.database(t, "downstream_"+l.name)}
			c.environ = append(d.as("consumer", "reader"), "WORK_DATABASE_URL="+c.work, "ACK_WAIT=2s")
			first := 100 * (i + 1)
			c.publishRuns(t, first)

			c.killedWhileItWorks(t, "changes")
			require.Zero(t, c.count(t, "select count(*) from downstream.done"), "nothing is half done")
			require.Zero(t, c.count(t, "select count(*) from downstream.changes"))

			c.killedAt(t, "PUB $JS.ACK.")
			require.EqualValues(t, 1, c.count(t, "select count(*) from downstream.done"))
			require.EqualValues(t, rowsEach, c.count(t, "select count(*) from downstream.changes"))

			require.Eventually(t, func() bool {
				c.runOnce(t)
				return c.settled(t, l.durable)
			}, patience, time.Millisecond)
			for i, ending := range endings {
				require.EqualValues(t, rowsEach, c.count(t, "select count(*) from downstream.changes where run_number = $1 and tenant_id = '7001'", first+i), ending)
			}
			require.EqualValues(t, rowsEach*len(endings), c.count(t, "select count(*) from downstream.changes where run_number between $1 and $1 + 2", first),
				"each row once, of this tenant alone")
		})
	}
}

var endings = []string{"completed", "failed", "cancelled"}

// database makes a database for a consumer.
func (d *deployment) database(t *testing.T, name string) (url string) {
	t.Helper()
	admin := d.admin(t, "postgres")
	_, err := admin.Exec(t.Context(), "create database "+name)
	require.NoError(t, err)
	return d.superuser(name)
}

func (d *deployment) admin(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.superuser(database))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// publishRuns stores rows of three runs, of another tenant too, and publishes how they ended:
// with properties of a later version, a repetition, and an event in another version.
func (c *killable) publishRuns(t *testing.T, first int) {
	t.Helper()
	owner := c.admin(t, "lazisync")
	publish := c.publisher(t)
	for i, ending := range endings {
		run := first + i
		for _, tenant := range []string{"7001", "7002"} {
			_, err := owner.Exec(t.Context(), `insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number)
				select $1, $2 * 1000 + n, jsonb_build_object('id', n, 'name', 'it''s "'), now(), $2 from generate_series(1, $3) n`, tenant, run, rowsEach)
			require.NoError(t, err)
		}
		event := func(version int) string {
			return fmt.Sprintf(`{"specversion":"1.0","id":"run-%[1]d/%[3]d","source":"/lazisync","type":"com.lazi.sync.%[2]s.v%[3]d","added":"later","data":{`+
				`"tenantId":"7001","mode":"full","workflowId":"full-sync-%[1]d","runId":"r","runNumber":%[1]d,"entities":["customers","jobs"],"requests":[],`+
				`"startedAt":"2026-01-01T10:00:00Z","finishedAt":"2026-01-01T10:00:09Z","notify":[],"addedLater":{"a":[1]},"results":[`+
				`{"entity":"customers","status":"%[2]s","pages":1,"fetched":4,"inserted":%[4]d,"updated":0,"unchanged":0,"deleted":0,"rejected":0,"added":null},`+
				`{"entity":"jobs","status":"unheardOf","pages":0,"fetched":0,"inserted":0,"updated":0,"unchanged":0,"deleted":0,"rejected":0}]}}`,
				run, ending, version, rowsEach)
		}
		publish("sync."+ending, event(1))
		publish("sync."+ending, event(1)) // the same once more, at another place of the stream
		publish("sync."+ending, event(2))
	}
}

// publisher publishes events as a worker.
func (c *killable) publisher(t *testing.T) func(subject, event string) {
	t.Helper()
	nc, err := nats.Connect(c.places.Replace("nats://worker:demo-worker@nats:4222"), nats.CustomInboxPrefix("_INBOX_worker"))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := nc.JetStream()
	require.NoError(t, err)
	return func(subject, event string) {
		t.Helper()
		_, err := js.PublishMsg(&nats.Msg{Subject: subject, Data: []byte(event), Header: nats.Header{"Content-Type": {"application/cloudevents+json"}}})
		require.NoError(t, err)
	}
}

// runOnce runs the consumer for one event.
func (c *killable) runOnce(t *testing.T) {
	t.Helper()
	c.run(t, c.environ, c.command[0], c.command[1:]...)
}

// killedWhileItWorks keeps the consumer from storing what it does in a table, and kills it there.
func (c *killable) killedWhileItWorks(t *testing.T, table string) {
	t.Helper()
	own, err := pgx.Connect(t.Context(), c.work)
	require.NoError(t, err)
	defer func() { _ = own.Close(context.Background()) }()
	_, err = own.Exec(t.Context(), schema)
	require.NoError(t, err)
	tx, err := own.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "lock table downstream."+table+" in access exclusive mode")
	require.NoError(t, err)
	program := c.start(t, c.environ)
	watch, err := pgx.Connect(t.Context(), c.work)
	require.NoError(t, err)
	defer func() { _ = watch.Close(context.Background()) }()
	require.Eventually(t, func() bool {
		var waiting int
		err := watch.QueryRow(t.Context(), "select count(*) from pg_locks where not granted and relation = to_regclass($1)", "downstream."+table).Scan(&waiting)
		return err == nil && waiting > 0
	}, patience, 20*time.Millisecond, "it does not work")
	program.kill()
	require.NoError(t, tx.Rollback(t.Context()))
	require.Eventually(t, func() bool {
		var others int
		err := watch.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'").Scan(&others)
		return err == nil && others == 0
	}, patience, 20*time.Millisecond, "its transaction is still open")
}

// settled says whether the consumer has nothing left to do.
func (c *killable) settled(t *testing.T, durable string) bool {
	t.Helper()
	nc, err := nats.Connect(c.places.Replace("nats://operator:demo-operator@nats:4222"), nats.CustomInboxPrefix("_INBOX_operator"))
	require.NoError(t, err)
	defer nc.Close()
	js, err := nc.JetStream()
	require.NoError(t, err)
	info, err := js.ConsumerInfo("SYNC_EVENTS", durable)
	require.NoError(t, err)
	return info.NumPending == 0 && info.NumAckPending == 0
}

func (c *killable) count(t *testing.T, query string, args ...any) int64 {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.work)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var n int64
	require.NoError(t, conn.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

// schema is that of the consumers, so that the test can lock a table before they begin.
const schema = `create schema downstream;
create table downstream.done (source text, id text, done_at timestamptz not null default now(), primary key (source, id));
create table downstream.changes (tenant_id text not null, entity text not null, st_id text not null, run_number bigint not null, deleted boolean not null, record jsonb not null);
create table downstream.history (tenant_id text not null, entity text not null, run_number bigint not null, number bigint not null, st_id text not null, op text not null, fields text[] not null);`
