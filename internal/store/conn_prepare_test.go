package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

func openOne(t testing.TB, address string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), address, store.Options{MaxConns: 1, Entities: few})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func prepared(t testing.TB, s *store.Store) map[string]store.Plans {
	t.Helper()
	statements, err := s.Prepared(t.Context())
	require.NoError(t, err)
	return statements
}

func requireOne(t testing.TB, s *store.Store, sql string) {
	t.Helper()
	n, err := s.Select(t.Context(), sql, 1)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestStatementsArePreparedOncePerConnection(t *testing.T) {
	t.Parallel()
	const sql = "select $1::int"
	s := openOne(t, pgtest.Database(t))
	for range 10 {
		requireOne(t, s, sql)
	}
	require.Equal(t, store.Plans{Planned: 10}, prepared(t, s)[sql])

	for i := range 2 * store.MaxPrepared {
		requireOne(t, s, fmt.Sprintf("select $1::int /* %d */", i))
	}
	require.Less(t, len(prepared(t, s)), store.MaxPrepared+2, "the oldest are dropped")

	s = openOne(t, withParameter(t, pgtest.Database(t), "default_query_exec_mode", "cache_describe"))
	requireOne(t, s, sql)
	require.Empty(t, prepared(t, s), "the URL chooses")
	s = openOne(t, withParameter(t, pgtest.Database(t), "statement_cache_capacity", "0"))
	requireOne(t, s, sql)
	require.Empty(t, prepared(t, s), "the URL disables the cache")
}

// TestLostPreparedStatementsAreNotUsedAgain, as behind a pooler that reports the process ID of the
// server and still gives each transaction another one.
func TestLostPreparedStatementsAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	const sql = "select $1::int"
	s := openOne(t, pgtest.Database(t))
	requireOne(t, s, sql)
	name, err := s.PreparedName(t.Context(), sql)
	require.NoError(t, err)
	for code, fault := range map[string]string{"26000": "deallocate all", "42P05": "prepare " + name + " as select 1 + $1::int"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := openOne(t, pgtest.Database(t))
			if code == "26000" {
				requireOne(t, s, sql)
			}
			require.NoError(t, s.Do(t.Context(), fault))
			for range 2 {
				requireOne(t, s, sql)
				require.Empty(t, prepared(t, s))
			}
		})
	}
}

// TestPagesAreNotStoredWithPlansOfAnEmptyTable: the first ones were stored while it was empty, and their
// plans would read the whole table.
func TestPagesAreNotStoredWithPlansOfAnEmptyTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Store = openOne(t, f.url)
	c := find(t, "customers")
	run := f.beginFull("first", c.Name)
	f.storePage(run, c, f.open(run, c), page(at(0), "", true))
	f.finalize(run, completed)
	f.exec("alter table raw.st_customers set (autovacuum_enabled = off)")
	f.exec("vacuum analyze raw.st_customers")
	run = f.beginIncremental("small", 1, c.Name)
	position := f.open(run, c)
	for i := range 10 {
		position = f.storePage(run, c, position, page(at(1), fmt.Sprint(i), false, customers(10, 0)...))
	}
	position = f.storePage(run, c, position, page(at(1), "many", false, customers(5000, 100)...))
	before := f.rowsRead("raw.st_customers")
	f.storePage(run, c, position, page(at(2), "last", true, customers(20, 0)...))
	require.Less(t, f.rowsRead("raw.st_customers")-before, int64(200))
}

// TestPlansAreNotReusedForManyRequests: they assume few.
func TestPlansAreNotReusedForManyRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Store = openOne(t, f.url)
	serve := func(name string, pass, n int) {
		firstRuns := map[string]string{}
		var all []ledger.Request
		for i := range n {
			q := request(events.Incremental, fmt.Sprintf("%s %d", name, i), "customers")
			all, firstRuns[q.ID] = append(all, q), "exec"
		}
		f.receive(all...)
		f.receive(all...)
		_, err := f.Accept(t.Context(), firstRuns)
		require.NoError(t, err)
		run, _, err := f.BeginRun(t.Context(), incremental("exec", pass))
		require.NoError(t, err)
		f.finalize(run, completed)
	}
	for pass := range 20 {
		serve(fmt.Sprint("few ", pass), 1+pass, 10)
	}
	before := prepared(t, f.Store)
	serve("many", 21, 500)
	after := prepared(t, f.Store)
	reused := 0
	for text, plans := range before {
		if strings.Contains(text, "unnest") || strings.Contains(text, "any($1)") {
			require.Equal(t, plans.Reused, after[text].Reused, text)
			reused += plans.Reused
		}
	}
	require.Positive(t, reused)
}

// TestListsArePlannedForTheirFilters: a plan without a filter would read the whole table with one.
func TestListsArePlannedForTheirFilters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Store = openOne(t, f.url)
	for range 20 {
		_, err := f.ListRequests(t.Context(), ledger.RequestFilter{}, 10)
		require.NoError(t, err)
		_, err = f.FindRuns(t.Context(), ledger.RunFilter{}, 10)
		require.NoError(t, err)
		_, err = f.RejectedRecords(t.Context(), ledger.RejectedFilter{}, 10)
		require.NoError(t, err)
		_, err = f.Actions(t.Context(), ledger.AuditFilter{}, 10)
		require.NoError(t, err)
		require.NoError(t, f.Rows(t.Context(), tenant, find(t, "customers"), nil))
	}
	lists := 0
	for text, plans := range prepared(t, f.Store) {
		if strings.Contains(text, " is null or ") {
			lists++
			require.Equal(t, store.Plans{Planned: 20}, plans, text)
		}
	}
	require.Equal(t, 5, lists)
}

func customers(n, from int) (all []entity.Record) {
	for i := range n {
		all = append(all, customer(from+i, at(0), fmt.Sprint("name ", i)))
	}
	return all
}

// rowsRead returns how many rows of a table the connection of the store has read.
func (f *fixture) rowsRead(table string) int64 {
	f.Helper()
	require.NoError(f, f.Do(f.Context(), "select pg_stat_force_next_flush()"))
	return get[int64](f, `select t.seq_tup_read + sum(i.idx_tup_read)::bigint from pg_stat_user_tables t join pg_stat_user_indexes i using (relid)
		where relid = $1::text::regclass group by t.seq_tup_read`, table)
}
