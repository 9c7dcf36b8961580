package e2e

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// fewPages is the number of pages that an incremental may read of an entity with few changes.
const fewPages = 3

func TestChangesDuringAFullSyncArriveWithTheNextIncremental(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 50}})
	w.start(t, "serve")
	company := w.stack.Simulator
	company.SetPace(pageTime)
	requestID := w.request(t, `{"mode":"full"}`)

	var deleted []int64
	for _, pages := range []int{20, 60, 100} { // of 160
		company.SetPace(pageTime)
		w.awaitPages(t, pages)
		for _, name := range core {
			for range 5 {
				_, err := company.Create(name)
				require.NoError(t, err)
				id, err := company.RandomID(name)
				require.NoError(t, err)
				require.NoError(t, company.Update(name, id))
				id, err = company.RandomID(name)
				require.NoError(t, err)
				require.NoError(t, company.Delete(name, id))
				if name == "jobs" {
					deleted = append(deleted, id)
				}
			}
		}
	}
	require.Empty(t, w.outcomes(t), "the full sync is still running while records change")
	company.SetPace(0)
	w.completed(t, requestID)

	company.ResetStats()
	incremental := w.completed(t, w.request(t, `{"mode":"incremental"}`))
	w.requireEqual(t)
	slices.Sort(deleted)
	require.Equal(t, deleted, value[[]int64](t, w,
		"select array_agg(st_id order by st_id) from raw.st_jobs where deleted_at is not null and st_id = any($1)", deleted))
	for name, n := range counts(w.pages()) {
		require.LessOrEqual(t, n, fewPages, "pages of %s", name)
	}
	require.Len(t, incremental.Results, 4)

	// Without changes, an incremental reads as few pages and changes nothing.
	company.ResetStats()
	idle := w.completed(t, w.request(t, `{"mode":"incremental"}`))
	for _, r := range idle.Results {
		require.Zero(t, r.Inserted+r.Updated+r.Deleted, r.Entity)
	}
	for name, n := range counts(w.pages()) {
		require.LessOrEqual(t, n, fewPages, "pages of %s", name)
	}
}

func TestIncrementalReadsFewPagesOfALargeTable(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 1000, ExportPageSize: 50}})
	w.start(t, "serve")
	w.full(t)
	company := w.stack.Simulator
	company.ResetStats()
	id, err := company.RandomID("invoices")
	require.NoError(t, err)
	require.NoError(t, company.Update("invoices", id))

	outcome := w.completed(t, w.request(t, `{"mode":"incremental"}`))
	for name, n := range counts(w.pages()) {
		require.LessOrEqual(t, n, fewPages, "pages of %s", name)
	}
	var updated int64
	for _, r := range outcome.Results {
		updated += r.Updated
	}
	require.EqualValues(t, 1, updated)
	require.Equal(t, id, value[int64](t, w, "select st_id from raw.st_invoices where run_number = $1", outcome.RunNumber))
	w.requireEqual(t)
}
