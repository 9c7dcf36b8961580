package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

func TestStagingTablesAreDroppedWithTheOutcome(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(f *fixture, run ledger.Run, e entity.Entity, p ledger.Position){
		"cancelled while it reads": func(f *fixture, run ledger.Run, e entity.Entity, p ledger.Position) {
			f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
		},
		"cancelled before it applies": func(f *fixture, run ledger.Run, e entity.Entity, p ledger.Position) {
			p = f.storePage(run, e, p, page(at(6), "t", true, ids(7, 10)...))
			p = f.check(e, p, -1)
			f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
			_, err := f.ApplyRebuild(f.Context(), rebuildTarget(e, p), p)
			require.ErrorIs(f, err, ledger.ErrFinalized)
		},
		"another execution takes its place": func(f *fixture, run ledger.Run, e entity.Entity, p ledger.Position) {
			_, _, err := f.BeginRun(f.Context(), ledger.BeginInput{
				TenantID: tenant, Mode: events.Rebuild, WorkflowID: run.WorkflowID, FirstRunID: "another", Pass: 1, RequestID: run.Requests[0].ID,
			})
			require.NoError(f, err)
		},
		"the check fails": func(f *fixture, run ledger.Run, e entity.Entity, p ledger.Position) {
			p = f.storePage(run, e, p, page(at(6), "t", true))
			p = f.check(e, p, 1000)
			require.Equal(f, events.StatusFailed, p.Status)
			require.Equal(f, "failed", f.state(e).Status)
			require.Equal(f, ledger.Failed, f.finalize(run, completed).State)
		},
		"another session reads the staging table": func(f *fixture, run ledger.Run, e entity.Entity, p ledger.Position) {
			tx, err := f.db.Begin(f.Context())
			require.NoError(f, err)
			_, err = tx.Exec(f.Context(), fmt.Sprintf("select * from raw_rebuild.run_%d", run.Number))
			require.NoError(f, err)
			require.Equal(f, ledger.Cancelled, f.finalize(run, ledger.Finalization{State: ledger.Cancelled}).State)
			require.EqualValues(f, 1, f.stagingTables())
			require.NoError(f, tx.Rollback(f.Context()))
			dropped, err := f.DropStagingTables(f.Context())
			require.NoError(f, err)
			require.Equal(f, 1, dropped)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), find(t, "customers")
			f.fullRead("a", e, 0, ten...)
			f.exec("update raw.st_customers set name = 'damaged' where st_id < 4")
			before := f.snapshot()
			run := f.beginRebuild("r", false)
			p := f.storePage(run, e, f.open(run, e), page(at(5), "t", false, ids(1, 6)...))
			dropped, err := f.DropStagingTables(t.Context())
			require.NoError(t, err)
			require.Zero(t, dropped, "the run is still running")
			require.EqualValues(t, 1, f.stagingTables())

			end(f, run, e, p)
			require.Zero(t, f.stagingTables())
			require.Equal(t, before, f.snapshot())
		})
	}
}

func TestARebuildBlocksOtherFullSyncsOfTheEntity(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	rebuild, full := f.beginRebuild("r", false), f.beginFull("f", "customers")
	p := f.open(rebuild, e)
	_, err := f.Open(t.Context(), full.Target(e))
	require.ErrorIs(t, err, ledger.ErrBusy)
	f.open(f.beginIncremental("i", 1, "customers"), e)

	// One that comes late writes nothing.
	next := f.storePage(rebuild, e, p, page(at(5), "t", true, ids(1, 3)...))
	_, err = f.StorePage(t.Context(), rebuild.Target(e), p, page(at(5), "t", true, ids(1, 3)...))
	require.ErrorIs(t, err, ledger.ErrFenced)
	checked := f.check(e, next, -1)
	_, err = f.CheckRebuild(t.Context(), rebuildTarget(e, next), next, -1)
	require.ErrorIs(t, err, ledger.ErrFenced)
	f.apply(e, checked)
	_, err = f.ApplyRebuild(t.Context(), rebuildTarget(e, checked), checked)
	require.ErrorIs(t, err, ledger.ErrFenced)
	f.open(full, e)
	require.Equal(t, events.StatusCompleted, f.open(rebuild, e).Status)
}

func TestAnInterruptedApplyIsRolledBack(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	f.fullRead("a", e, 0, ten...)
	f.exec("update raw.st_customers set name = 'damaged' where st_id = 3")
	before := f.snapshot()
	run := f.beginRebuild("r", false)
	p := f.check(e, f.load(run, e, 5, ten...), -1)
	held, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = held.Exec(t.Context(), "select from raw.st_customers where st_id = 3 for update")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := f.ApplyRebuild(ctx, rebuildTarget(e, p), p); ended <- err }()
	require.Eventually(t, func() bool {
		return get[int64](f, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") > 0
	}, time.Minute, 10*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, held.Rollback(t.Context()))
	require.Equal(t, before, f.snapshot())
	require.EqualValues(t, 1, f.apply(e, p).Updated, "and can be made again")
}

func TestARebuildComparesBeforeItLocks(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	f.fullRead("a", e, 0, ten...)
	f.exec("update raw.st_customers set name = 'damaged' where st_id < 4")
	run := f.beginRebuild("r", false)
	p := f.check(e, f.load(run, e, 5, ten...), -1)
	held, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = held.Exec(t.Context(), "select from raw.sync_state for update")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { _, err := f.ApplyRebuild(t.Context(), rebuildTarget(e, p), p); ended <- err }()
	require.Eventually(t, func() bool {
		return get[bool](f, `select exists (select from pg_stat_activity a join pg_locks l using (pid)
			where a.datname = current_database() and a.wait_event_type = 'Lock' and a.query like '%from raw.sync_state%for update%'
			and l.locktype = 'relation' and l.mode = 'AccessExclusiveLock')`)
	}, time.Minute, 10*time.Millisecond, "it waits for the state of the table and has filled the diff table")
	// Rows that another writer has repaired meanwhile are kept.
	_, err = held.Exec(t.Context(), "update raw.st_customers set name = 'c2', run_number = 77 where st_id = 2")
	require.NoError(t, err)
	require.NoError(t, held.Commit(t.Context()))
	require.NoError(t, <-ended)
	require.EqualValues(t, 77, get[int64](f, "select run_number from raw.st_customers where st_id = 2"))
	require.EqualValues(t, 2, get[int64](f, "select count(*) from raw.st_customers where run_number = $1", run.Number))
	require.EqualValues(t, 1, f.stagingTables())
}

func TestReadersDoNotSeeStagingTables(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "customers")
	reader := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	f.exec("create role " + reader)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), f.url)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(context.Background(), "drop owned by "+reader+"; drop role "+reader)
		require.NoError(t, err)
	})
	f.exec("grant usage on schema raw to " + reader + "; alter default privileges grant select on tables to " + reader)
	run := f.beginRebuild("r", false)
	f.load(run, e, 5, ten...)
	_, err := f.db.Exec(t.Context(), fmt.Sprintf("set role %s; select * from raw_rebuild.run_%d", reader, run.Number))
	require.ErrorContains(t, err, "permission denied for schema raw_rebuild")

	// The error names the missing privilege.
	f.exec("grant select, insert, update, delete on all tables in schema raw to " + reader)
	f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
	as := openStore(t, f.url+separator(f.url)+"options=-c%20role%3D"+reader)
	other := f.beginRebuild("s", false)
	_, err = as.Open(t.Context(), other.Target(e))
	require.ErrorContains(t, err, "grant usage, create on schema raw_rebuild to the user of the roles")
	var permanent interface{ Permanent() bool }
	require.ErrorAs(t, err, &permanent)
	require.True(t, permanent.Permanent())
	denied, err := as.Inspect(t.Context(), store.AccessPages)
	require.NoError(t, err)
	require.Contains(t, denied.MissingPrivileges, "create on schema raw_rebuild")

	// A user who may not drop the table of another user can finalize the run.
	f.finalize(other, ledger.Finalization{State: ledger.Cancelled})
	third := f.beginRebuild("t", false)
	f.open(third, e)
	finalized, err := as.Finalize(t.Context(), third.Ref(), ledger.Finalization{State: ledger.Cancelled})
	require.NoError(t, err)
	require.Equal(t, ledger.Cancelled, finalized.State)
	dropped, err := as.DropStagingTables(t.Context())
	require.NoError(t, err)
	require.Zero(t, dropped)
	require.EqualValues(t, 1, f.stagingTables())
	fourth := f.beginRebuild("u", false)
	f.open(fourth, e)
	require.EqualValues(t, 1, f.stagingTables(), "the next rebuild drops what is left")
	require.EqualValues(t, 1, get[int64](f, "select count(*) from pg_class where oid = to_regclass($1)", fmt.Sprint("raw_rebuild.run_", fourth.Number)))
}

func separator(u string) string {
	if strings.Contains(u, "?") {
		return "&"
	}
	return "?"
}
