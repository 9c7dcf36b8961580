package examples

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A consumer of recorded changes is killed in the middle of its work, and between its work and the
// acknowledgement. It misses no change and processes none twice, copies a table that was loaded, and
// reads the rows of a run whose changes were deleted because of their age.
func TestExampleConsumerProcessesEachChangeOnceAcrossKills(t *testing.T) {
	build(t)
	d := deploy(t)
	l := languages[0]
	c := &killable{deployment: d, command: l.consume, work: d.database(t, "downstream_changes")}
	c.environ = append(d.as("consumer", "reader"), "WORK_DATABASE_URL="+c.work)
	publish := c.publisher(t)
	outcome := func(run, changes int) {
		publish("sync.completed", fmt.Sprintf(`{"specversion":"1.0","id":"run-%[1]d","source":"/lazisync","type":"com.lazi.sync.completed.v1","data":{`+
			`"tenantId":"7001","mode":"incremental","workflowId":"incremental-sync-7001","runId":"r","runNumber":%[1]d,"entities":["customers"],"requests":[],`+
			`"startedAt":"2026-01-01T10:00:00Z","finishedAt":"2026-01-01T10:00:09Z","notify":[],"results":[`+
			`{"entity":"customers","status":"completed","pages":1,"fetched":4,"inserted":1,"updated":1,"unchanged":1,"deleted":1,"rejected":0,"changes":%[2]d}]}}`, run, changes))
	}
	owner := c.admin(t, "lazisync")
	record := func(run int, changes string) {
		_, err := owner.Exec(t.Context(), `insert into raw.changes (run_number, tenant_id, changed_at, table_name, st_id, op, changed_fields)
			select $1, 7001, now(), 'raw.st_customers', st_id, op, string_to_array(fields, ' ') from (values `+changes+`) c (st_id, op, fields)`, run)
		require.NoError(t, err)
	}
	for _, tenant := range []int{7001, 7002} {
		_, err := owner.Exec(t.Context(), `insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number)
			select $1, n, jsonb_build_object('id', n), now(), case when n = 1 then 13 else 11 end from generate_series(1, 4) n`, tenant)
		require.NoError(t, err)
	}
	record(12, `('3', 'insert', ''), ('1', 'update', 'name type'), ('1', 'update', 'balance'), ('2', 'delete', '')`)
	record(11, `(null, 'load', '')`)
	outcome(12, 4)
	outcome(12, 4) // the same once more, at another place of the stream
	outcome(11, 1)
	outcome(13, 2) // its changes are gone

	c.killedWhileItWorks(t, "history")
	require.Zero(t, c.count(t, "select count(*) from downstream.done"), "nothing is half done")
	require.Zero(t, c.count(t, "select count(*) from downstream.history"))
	c.killedAt(t, "PUB $JS.ACK.")
	require.EqualValues(t, 4, c.count(t, "select count(*) from downstream.history"))

	require.Eventually(t, func() bool {
		c.runOnce(t)
		return c.settled(t, l.durable)
	}, patience, time.Millisecond)
	conn, err := pgx.Connect(t.Context(), c.work)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	var history, rows []string
	require.NoError(t, conn.QueryRow(t.Context(), `select
		(select array_agg(concat_ws(' ', run_number, st_id, op, nullif(array_to_string(fields, ' '), '')) order by run_number, number) from downstream.history),
		(select array_agg(concat_ws(' ', run_number, tenant_id, st_id) order by run_number, st_id) from downstream.changes)`).Scan(&history, &rows))
	require.Equal(t, []string{"12 3 insert", "12 1 update name type", "12 1 update balance", "12 2 delete"}, history)
	require.Equal(t, []string{"11 7001 1", "11 7001 2", "11 7001 3", "11 7001 4", "13 7001 1"}, rows)
}
