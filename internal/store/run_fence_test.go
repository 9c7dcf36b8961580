package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// The ledger was restored to an earlier state and gave the number of a run to another one:
// a worker that still writes for the former run is refused.
func TestNothingIsWrittenForARunOfAnotherExecution(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("a", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(1), "t1", false, customer(1, at(0), "Ann")))
	before := get[string](f, "select jsonb_agg(to_jsonb(c))::text from raw.sync_cursors c")

	own := run.Ref().Execution
	for name, other := range map[string]ledger.Execution{
		"workflow":  {WorkflowID: "full-sync-other", FirstRunID: own.FirstRunID, Pass: own.Pass},
		"execution": {WorkflowID: own.WorkflowID, FirstRunID: "other", Pass: own.Pass},
		"pass":      {WorkflowID: own.WorkflowID, FirstRunID: own.FirstRunID, Pass: 2},
	} {
		target := run.Target(c)
		target.Run.Execution = other
		next := page(at(2), "t2", true, customer(2, at(0), "Bob"))
		for what, write := range map[string]func() error{
			"Open":          func() error { _, err := f.Open(t.Context(), target); return err },
			"StorePage":     func() error { _, err := f.StorePage(t.Context(), target, p, next); return err },
			"StoreLookup":   func() error { _, err := f.StoreLookup(t.Context(), target, p, []string{"2"}, next); return err },
			"CheckRebuild":  func() error { _, err := f.CheckRebuild(t.Context(), target, p, 1); return err },
			"ApplyRebuild":  func() error { _, err := f.ApplyRebuild(t.Context(), target, p); return err },
			"FailEntity":    func() error { return f.FailEntity(t.Context(), target, p, events.RunError{Type: events.NotFound}) },
			"SetTotal":      func() error { return f.SetTotal(t.Context(), target, p, 7) },
			"Finalize":      func() error { _, err := f.Finalize(t.Context(), target.Run, completed); return err },
			"MarkPublished": func() error { return f.MarkPublished(t.Context(), target.Run) },
		} {
			require.ErrorIs(t, write(), ledger.ErrUnknown, "%s of another %s", what, name)
		}
	}
	require.Equal(t, before, get[string](f, "select jsonb_agg(to_jsonb(c))::text from raw.sync_cursors c"))
	require.Equal(t, int64(1), get[int64](f, "select count(*) from raw.st_customers"))
	held, err := f.Run(t.Context(), run.Number)
	require.NoError(t, err)
	require.Equal(t, ledger.Running, held.State)

	f.storePage(run, c, p, page(at(2), "t2", true, customer(2, at(0), "Bob"))) // its own writer is not hindered
}

// The ledger was restored to the moment after the run began: the page is stale, the run is not.
func TestAPageWithoutAPositionIsFenced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("a", "customers")
	p := f.open(run, c)
	f.exec("delete from raw.sync_cursors")
	_, err := f.StorePage(t.Context(), run.Target(c), p, page(at(1), "t1", false))
	require.ErrorIs(t, err, ledger.ErrFenced)
	require.Equal(t, entity.Cursor{Feed: entity.Export}, f.open(run, c).Cursor)
}

// The ledger was restored to the middle of a pass that Temporal has long finished: the next
// pass of the same execution fails it, so that its requests get an outcome.
func TestALaterPassFinalizesAnEarlierOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	earlier := f.beginIncremental("a", 3, "jobs")
	_, found, err := f.BeginRun(t.Context(), incremental("exec", 7))
	require.NoError(t, err)
	require.False(t, found, "nothing waits")
	held, err := f.Run(t.Context(), earlier.Number)
	require.NoError(t, err)
	require.Equal(t, ledger.Failed, held.State)
	require.Equal(t, events.Terminated, held.Error.Type)

	current := f.beginIncremental("b", 8, "jobs")
	_, _, err = f.BeginRun(t.Context(), incremental("exec", 7)) // a late call
	require.NoError(t, err)
	held, err = f.Run(t.Context(), current.Number)
	require.NoError(t, err)
	require.Equal(t, ledger.Running, held.State)
}
