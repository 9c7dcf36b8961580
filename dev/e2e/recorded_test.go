package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// requireRecorded requires that each result has the number of changes that the run recorded of the entity, and
// that these and the rows with the number of the run are the same records.
func (w *fixture) requireRecorded(t *testing.T, outcome events.OutcomeData) {
	t.Helper()
	for _, r := range outcome.Results {
		require.NotNil(t, r.Changes, r.Entity)
		require.Equal(t, value[int64](t, w, "select count(*) from raw.changes where run_number = $1 and table_name = 'raw.st_' || $2::text and tenant_id = $3",
			outcome.RunNumber, r.Entity, w.tenant), *r.Changes, r.Entity)
		require.Equal(t, value[[]string](t, w, "select coalesce(array_agg(st_id::text order by st_id::text), '{}') from raw.st_"+r.Entity+" where run_number = $1", outcome.RunNumber),
			value[[]string](t, w, "select coalesce(array_agg(distinct st_id order by st_id), '{}') from raw.changes where run_number = $1 and table_name = 'raw.st_' || $2::text",
				outcome.RunNumber, r.Entity), r.Entity)
	}
}

// The first full sync records a marker for each table, later runs each change. A killed worker loses none and
// records none twice.
func TestOutcomesCountTheRecordedChanges(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 600, ExportPageSize: 50}})
	w.set = []string{"SYNC_CHANGES=on"}
	require.Contains(t, w.examine(t, 0)["changes"].Detail, "SYNC_CHANGES is on, but changes are not recorded of raw.st_customers, ")
	w.migrate(t)
	require.Equal(t, "recorded in raw.changes, kept for 30 days", w.examine(t, 0)["changes"].Detail)
	w.start(t, "bridge")
	worker := w.start(t, "worker")

	first := w.full(t)
	for _, r := range first.Results {
		require.EqualValues(t, 1, *r.Changes, r.Entity)
	}
	require.Equal(t, "{load}", value[string](t, w, "select array_agg(distinct op)::text from raw.changes where tenant_id = $1", w.tenant))

	company := w.stack.Simulator
	for _, name := range core {
		for range 100 {
			id, err := company.RandomID(name)
			require.NoError(t, err)
			require.NoError(t, company.Update(name, id))
		}
		_, err := company.Create(name)
		require.NoError(t, err)
	}
	company.SetPace(pageTime)
	company.ResetStats()
	requestID := w.request(t, `{"mode":"full"}`)
	w.awaitPages(t, 12)
	worker.kill(t)
	company.SetPace(0)
	w.start(t, "worker")
	second := w.completed(t, requestID)
	w.requireRecorded(t, second)
	require.EqualValues(t, 4, value[int64](t, w, "select count(*) from raw.changes where run_number = $1 and op = 'insert'", second.RunNumber))
	require.Equal(t, "modifiedOn", value[string](t, w, `select field from raw.changes, unnest(changed_fields) field
		where run_number = $1 and op = 'update' group by 1 order by count(*) desc, 1 desc limit 1`, second.RunNumber))

	idle := w.completed(t, w.request(t, `{"mode":"incremental"}`))
	for _, r := range idle.Results {
		require.EqualValues(t, 0, *r.Changes, r.Entity)
	}

	w.set = nil
	w.migrate(t)
	id, err := company.Create("jobs")
	require.NoError(t, err)
	off := w.completed(t, w.request(t, `{"mode":"incremental","entities":["jobs"]}`))
	require.EqualValues(t, 1, off.Results[0].Inserted, "%d", id)
	require.Nil(t, off.Results[0].Changes)
}
