package simulator_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// visible returns an existing record by number, or nil.
func (a *api) visible(t *testing.T, entity string, id int64) *line {
	t.Helper()
	for _, l := range a.memory(t, entity) {
		if l.ID == id {
			return &l
		}
	}
	return nil
}

// TestEveryEntityChanges: records of every entity are created, updated, deleted and restored.
func TestEveryEntityChanges(t *testing.T) {
	t.Parallel()
	few := map[string]int{}
	for _, entity := range simulator.Entities() {
		few[entity] = 12
	}
	a := start(t, simulator.Options{Seed: 4, Records: few, RequestsPerSecond: -1})
	logs := []string{"job_history", "membership_status_changes"} // records of these are never deleted
	for _, f := range published(t) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			id, err := a.Create(f.name)
			require.NoError(t, err)
			created := a.visible(t, f.name, id)
			require.NotNil(t, created)
			require.NoError(t, a.Update(f.name, id))
			updated := a.visible(t, f.name, id)
			require.NotEqual(t, created.Record, updated.Record, "a change shows")
			require.Equal(t, created.Key, updated.Key, "and leaves the key alone")

			err = a.Delete(f.name, id)
			if slices.Contains(logs, f.name) {
				require.ErrorContains(t, err, "records of this log")
				return
			}
			require.NoError(t, err)
			require.Error(t, a.Delete(f.name, id), "twice")
			deleted := a.visible(t, f.name, id)
			require.Equal(t, f.export == "", deleted == nil, "records without a feed disappear")
			require.NoError(t, a.Restore(f.name, id))
			require.Error(t, a.Restore(f.name, id), "twice")
			require.Equal(t, updated.Key, a.visible(t, f.name, id).Key)
		})
	}
}

// TestRemovedRecordsAreOnNoPage: no query returns a removed record.
func TestRemovedRecordsAreOnNoPage(t *testing.T) {
	t.Parallel()
	const list = "/inventory/v2/tenant/{tenant}/trucks"
	a := start(t, simulator.Options{RecordsPerEntity: 1, Records: map[string]int{"trucks": 30}})
	id, err := a.RandomID("trucks")
	require.NoError(t, err)
	ids := func() []int64 { return a.page(t, list+"?active=Any&pageSize=100").ids() }

	require.NoError(t, a.Deactivate("trucks", id))
	require.Contains(t, ids(), id)
	require.NotContains(t, a.page(t, list+"?pageSize=100").ids(), id)
	require.Error(t, a.Delete("trucks", id), "it is not active")
	require.NoError(t, a.Restore("trucks", id))

	require.NoError(t, a.Delete("trucks", id))
	require.NotContains(t, ids(), id)
	require.Len(t, ids(), 29)
	require.Empty(t, a.page(t, list+"?active=Any&ids="+itoa(id)).Data)
	require.Error(t, a.Update("trucks", id))
	require.NoError(t, a.Restore("trucks", id))
	require.Contains(t, ids(), id)

	require.ErrorContains(t, a.Deactivate("jobs", id), "cannot be inactive")
}

// TestMutateDeactivatesDeletesAndRestores: the admin route also deactivates, deletes and restores.
func TestMutateDeactivatesDeletesAndRestores(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 1, Busy: []string{"trucks", "zones"}, Records: map[string]int{"trucks": 30, "zones": 30}})
	status, body := a.admin(t, "POST", "mutate", `{"delete":4,"deactivate":2}`)
	require.Equal(t, http.StatusOK, status, body)
	require.Len(t, a.memory(t, "trucks"), 26)
	require.Len(t, a.memory(t, "zones"), 26)
	status, body = a.admin(t, "POST", "mutate", `{"entity":"zones","restore":5}`)
	require.Equal(t, http.StatusOK, status, body)
	require.GreaterOrEqual(t, len(a.memory(t, "zones")), 29)
	status, body = a.admin(t, "POST", "mutate", `{"entity":"job_history","delete":1}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "records of this log")
	require.Panics(t, func() { simulator.New(simulator.Options{RecordsPerEntity: 1, Busy: []string{"lorries"}}) })
}

// TestJournalRestoresEveryEntity: changed and removed records of all entities are the same after a
// restart, and the number of simulated entities may differ.
func TestJournalRestoresEveryEntity(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	open := func() *api {
		a := start(t, simulator.Options{Seed: 9, RecordsPerEntity: 5, Busy: []string{"trucks", "contacts", "calls", "payroll_settings"}})
		require.NoError(t, a.KeepJournal(path))
		return a
	}
	a := open()
	a.Mutate(300)
	require.NoError(t, a.CloseJournal())
	b := open()
	for _, entity := range []string{"trucks", "contacts", "calls", "payroll_settings"} {
		require.Equal(t, a.memory(t, entity), b.memory(t, entity))
	}
	require.NoError(t, b.CloseJournal())

	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Regexp(t, `^{"seed":9,"counts":{"customers":5,"estimates":5,"invoices":5,"jobs":5}}\n`, string(kept), "only what is not the usual number")
	other := simulator.New(simulator.Options{Seed: 9, RecordsPerEntity: 5, Records: map[string]int{"trucks": 7}})
	require.ErrorContains(t, other.KeepJournal(path), "another company")
}
