package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
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
	require.Positive(t, prepared(t, s)[sql].Reused)

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

// TestLargePagesArePlannedEachTime: a plan for short arrays and an empty table would be slow.
func TestLargePagesArePlannedEachTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Store = openOne(t, f.url)
	c := find(t, "customers")
	upserts := func() (plans store.Plans) {
		for text, p := range prepared(t, f.Store) {
			if strings.Contains(text, "insert into raw.st_customers") {
				plans.Reused += p.Reused
				plans.Planned += p.Planned
			}
		}
		return plans
	}
	records := func(n, from int) (all []entity.Record) {
		for i := range n {
			all = append(all, customer(from+i, at(0), "x"))
		}
		return all
	}
	run := f.beginFull("first", c.Name)
	position := f.open(run, c)
	for i := range 10 {
		position = f.storePage(run, c, position, page(at(0), fmt.Sprint(i), i == 9, records(1, 10*i)...))
	}
	f.finalize(run, completed)
	require.Equal(t, store.Plans{Planned: 10}, upserts(), "a full sync has large pages")

	run = f.beginIncremental("small", 1, c.Name)
	position = f.open(run, c)
	for i := range 10 {
		position = f.storePage(run, c, position, page(at(1), fmt.Sprint("a", i), false, records(1, 1000+10*i)...))
	}
	require.Equal(t, store.Plans{Reused: 10, Planned: 10}, upserts())
	position = f.storePage(run, c, position, page(at(1), "large", true, records(500, 5000)...))
	require.Equal(t, events.StatusCompleted, position.Status)
	require.Equal(t, store.Plans{Reused: 10, Planned: 11}, upserts())
}

// TestSmallPagesFindRowsByTheirKey, although the plans were made for an empty table.
func TestSmallPagesFindRowsByTheirKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Store = openOne(t, f.url)
	c := find(t, "customers")
	run := f.beginFull("first", c.Name)
	f.storePage(run, c, f.open(run, c), page(at(0), "", true))
	f.finalize(run, completed)
	f.exec("vacuum analyze raw.st_customers")
	scans := func() int64 {
		require.NoError(t, f.Do(t.Context(), "select pg_stat_force_next_flush()"))
		return get[int64](f, "select seq_scan from pg_stat_user_tables where relid = 'raw.st_customers'::regclass")
	}
	before := scans()
	run = f.beginIncremental("small", 1, c.Name)
	position := f.open(run, c)
	for i := range 5 {
		position = f.storePage(run, c, position, page(at(1), fmt.Sprint(i), i == 4, customer(i, at(1), "x"), customer(1, at(i), "y")))
	}
	require.Equal(t, before, scans())
}
