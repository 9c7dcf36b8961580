package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// lookupEntity returns an entity whose list has the parameter ids.
func lookupEntity(t *testing.T) entity.Entity {
	e := sweepableEntity(t)
	e.IDs = true
	return e
}

// fullBut reads, as a new full sync, every record of the ids from 1 to to, and returns
// the run and its position after the last page.
func (f *fixture) fullBut(name string, e entity.Entity, minute, to int) (ledger.Run, ledger.Position) {
	f.Helper()
	run := f.beginFull(name, e.Name)
	return run, f.storePage(run, e, f.open(run, e), listPage(at(minute), 2, true, ids(1, to)...))
}

// lookUp asks for what a run misses, a few rows at a time, and answers with the records
// that ServiceTitan has, until the run has looked up everything.
func (f *fixture) lookUp(run ledger.Run, e entity.Entity, p ledger.Position, minute int, has map[string]entity.Record) (ledger.Position, []string) {
	f.Helper()
	var all []string
	for p.Phase == events.PhaseSweeping && !p.Done() {
		lookedUp, err := f.MissingIDs(f.Context(), run.Target(e), 2)
		require.NoError(f, err)
		require.NotEmpty(f, lookedUp)
		all = append(all, lookedUp...)
		page := entity.Page{Date: at(minute), Last: true, Total: -1}
		for _, id := range lookedUp {
			if r, there := has[id]; there {
				page.Records = append(page.Records, r)
			}
		}
		p, err = f.StoreLookup(f.Context(), run.Target(e), p, lookedUp, page)
		require.NoError(f, err)
	}
	return p, all
}

func TestMissingRowsAreLookedUpBeforeTheyAreMarkedDeleted(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), lookupEntity(t)
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 10)})
	resume := get[string](f, "select resume_since::text from raw.sync_state")

	run, p := f.fullBut("b", e, 1, 6)
	require.Equal(t, events.PhaseSweeping, p.Phase)
	require.False(t, p.Done(), "nothing is looked up yet")
	require.Empty(t, f.deletedIDs())
	require.Equal(t, resume, get[string](f, "select resume_since::text from raw.sync_state"), "the full is not complete")
	require.Zero(t, get[int64](f, "select count(*) from raw.sync_seen"))

	moved := customer(8, at(0), "moved between pages, and renamed")
	p, lookedUp := f.lookUp(run, e, p, 2, map[string]entity.Record{"8": moved})
	require.Equal(t, []string{"10", "7", "8", "9"}, lookedUp)
	require.Equal(t, events.StatusCompleted, p.Status)
	require.Equal(t, []int64{7, 9, 10}, f.deletedIDs(), "at once: ServiceTitan does not have them")
	require.Equal(t, "moved between pages, and renamed", get[string](f, "select name from raw.st_customers where st_id = 8"))
	require.Equal(t, events.Counts{Pages: 1, Fetched: 7, Updated: 1, Unchanged: 6, Deleted: 3}, p.Counts)
	require.EqualValues(t, 7, f.state(e).Records)
	require.True(t, at(2).Equal(get[time.Time](f, "select deleted_at from raw.st_customers where st_id = 7")))
	require.EqualValues(t, 4, get[int64](f, "select count(*) from raw.st_customers where run_number = $1", run.Number), "consumers find them under this run")
	require.NotEqual(t, resume, get[string](f, "select resume_since::text from raw.sync_state"))
	require.Zero(t, get[int64](f, "select count(*) from raw.sync_missed"))
	f.finalize(run, completed)

	// It has been away, and is there again.
	run, p = f.fullBut("c", e, 3, 7)
	p, lookedUp = f.lookUp(run, e, p, 3, map[string]entity.Record{"8": moved})
	require.Equal(t, []string{"8"}, lookedUp)
	require.EqualValues(t, 1, p.Updated)
	require.Equal(t, []int64{9, 10}, f.deletedIDs())
}

func TestNothingIsLookedUpWhereNothingIsMissing(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), lookupEntity(t)
	f.fullRead("a", e, 0, entity.Page{Records: ids(1, 10)})
	_, p := f.fullBut("b", e, 1, 10)
	require.Equal(t, events.StatusCompleted, p.Status)
}

func TestALookupMarksNoUnknownRowDeleted(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(f *fixture, e entity.Entity){
		"a record of the list that has no id may be any": func(f *fixture, e entity.Entity) {
			run := f.beginFull("b", e.Name)
			page := listPage(at(1), 2, true, ids(1, 9)...)
			page.Rejected = []entity.Rejected{{Reason: "no id", Raw: []byte("{}")}}
			p := f.storePage(run, e, f.open(run, e), page)
			require.Equal(f, events.StatusCompleted, p.Status)
		},
		"a record looked up that has no id may be any": func(f *fixture, e entity.Entity) {
			run, p := f.fullBut("b", e, 1, 9)
			p, err := f.StoreLookup(f.Context(), run.Target(e), p, []string{"10"},
				entity.Page{Date: at(2), Rejected: []entity.Rejected{{Reason: "no id", Raw: []byte("{}")}}})
			require.NoError(f, err)
			require.Equal(f, events.StatusCompleted, p.Status)
		},
		"a rejected record is there": func(f *fixture, e entity.Entity) {
			run, p := f.fullBut("b", e, 1, 9)
			p, err := f.StoreLookup(f.Context(), run.Target(e), p, []string{"10"},
				entity.Page{Date: at(2), Rejected: []entity.Rejected{{ID: "10", Reason: "bad date", Raw: []byte("{}")}}})
			require.NoError(f, err)
			require.EqualValues(f, 1, p.Rejected)
		},
		"a run that is cancelled while it asks": func(f *fixture, e entity.Entity) {
			run, p := f.fullBut("b", e, 1, 7)
			_, err := f.StoreLookup(f.Context(), run.Target(e), p, []string{"10", "8"}, entity.Page{Date: at(2)})
			require.NoError(f, err)
			f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
			// The next run looks up all of its own missing rows.
			next, p := f.fullBut("c", e, 3, 9)
			missing, err := f.MissingIDs(f.Context(), next.Target(e), 50)
			require.NoError(f, err)
			require.Equal(f, []string{"10"}, missing)
			f.lookUp(next, e, p, 3, map[string]entity.Record{"10": customer(10, at(0), "c10")})
		},
		"a row that another run reads meanwhile": func(f *fixture, e entity.Entity) {
			run, p := f.fullBut("b", e, 1, 9)
			f.readInto(f.beginIncremental("i", 1, e.Name), e, 2, entity.Page{Records: []entity.Record{customer(10, at(2), "edited")}})
			p, _ = f.lookUp(run, e, p, 3, nil)
			require.Equal(f, events.StatusCompleted, p.Status)
		},
		"a run that was finalized meanwhile": func(f *fixture, e entity.Entity) {
			run, p := f.fullBut("b", e, 1, 9)
			f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
			_, err := f.StoreLookup(f.Context(), run.Target(e), p, []string{"10"}, entity.Page{Date: at(2)})
			require.ErrorIs(f, err, ledger.ErrFinalized)
		},
		"a worker that comes too late": func(f *fixture, e entity.Entity) {
			run, p := f.fullBut("b", e, 1, 8)
			_, err := f.StoreLookup(f.Context(), run.Target(e), p, []string{"9"}, entity.Page{Date: at(2), Records: ids(9, 9)})
			require.NoError(f, err)
			_, err = f.StoreLookup(f.Context(), run.Target(e), p, []string{"9"}, entity.Page{Date: at(2)})
			require.ErrorIs(f, err, ledger.ErrFenced)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), lookupEntity(t)
			f.fullRead("a", e, 0, entity.Page{Records: ids(1, 10)})
			disturb(f, e)
			require.Empty(t, f.deletedIDs())
		})
	}
}

func TestDeleteGuardOfLookups(t *testing.T) {
	t.Parallel()
	for _, allow := range []bool{false, true} {
		t.Run(fmt.Sprint(allow), func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), lookupEntity(t)
			f.fullRead("a", e, 0, entity.Page{Records: ids(1, 60)})
			run, p := f.fullBut("b", e, 1, 9)
			f.exec("update raw.sync_runs set allow_deletes = $1 where run_number = $2", allow, run.Number)
			p, lookedUp := f.lookUp(run, e, p, 2, nil)
			require.Len(t, lookedUp, 51)
			if allow {
				require.Equal(t, events.StatusCompleted, p.Status)
				require.Len(t, f.deletedIDs(), 51)
				return
			}
			require.Equal(t, events.StatusFailed, p.Status)
			require.Equal(t, &events.RunError{Type: events.DeleteGuard, Entity: "customers", Message: "ServiceTitan does not have 51 of 60 rows; " +
				"marking more than 50 as deleted needs a full request with allowDeletes"}, p.Error)
			require.Empty(t, f.deletedIDs())
			require.Equal(t, ledger.Failed, f.finalize(run, completed).State)
		})
	}
}
