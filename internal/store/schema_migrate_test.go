package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s := openStore(t, url)
	require.ErrorContains(t, s.CheckSchema(t.Context()), "the database lacks lazisync's schema raw: run lazisync migrate")
	tenants, err := s.Tenants(t.Context())
	require.NoError(t, err)
	require.Empty(t, tenants)

	applied, err := s.Migrate(t.Context())
	require.NoError(t, err)
	require.Contains(t, applied, "0001_ledger")
	require.Contains(t, applied, "table raw.st_customers")
	require.NoError(t, s.CheckSchema(t.Context()))

	applied, err = s.Migrate(t.Context())
	require.NoError(t, err)
	require.Empty(t, applied)
}

// countRunIndexes counts the tables with an index of the rows that a run changed.
const countRunIndexes = `select count(*) from pg_indexes where schemaname = 'raw' and tablename like 'st\_%' and indexdef like '% (run_number, tenant_id)'`

func TestTablesOfEntities(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.EqualValues(t, len(few), get[int64](f, countRunIndexes))
	require.EqualValues(t, len(few), get[int64](f, `select count(*) from pg_constraint
		where contype = 'p' and conrelid::regclass::text like 'raw.st\_%' and pg_get_constraintdef(oid) = 'PRIMARY KEY (tenant_id, st_id)'`))
	for column, kind := range map[string]string{
		"tenant_id": "bigint", "st_id": "bigint", "name": "text", "type": "text", "active": "boolean", "balance": "numeric",
		"modified_on": "timestamp with time zone", "full_data": "jsonb", "fetched_at": "timestamp with time zone",
		"run_number": "bigint", "deleted_at": "timestamp with time zone",
	} {
		require.Equal(t, kind, get[string](f, `select data_type from information_schema.columns
			where table_schema = 'raw' and table_name = 'st_customers' and column_name = $1`, column), column)
	}
	require.Equal(t, "u", get[string](f, "select relpersistence::text from pg_class where oid = 'raw.sync_seen'::regclass"), "unlogged")
}

func TestMigrateConcurrently(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	errs := make(chan error, 3)
	for range cap(errs) {
		s := openStore(t, url)
		go func() {
			_, err := s.Migrate(t.Context())
			errs <- err
		}()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.NoError(t, openStore(t, url).CheckSchema(t.Context()))
}

// TestMigrateAddsColumns drops columns, as if the catalogue had new ones, and
// expects them back, filled from the records that are there.
func TestMigrateAddsColumns(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	f.storePage(run, c, f.open(run, c), page(at(0), "1", true, customer(1, at(0), "x")))
	f.exec("create view public.names as select st_id, full_data from raw.st_customers")
	f.exec("alter table raw.st_customers drop column name, drop column balance")
	f.exec("drop table raw.st_jobs")
	require.EqualError(t, f.CheckSchema(t.Context()),
		"the database lacks column raw.st_customers.name, column raw.st_customers.balance, table raw.st_jobs: run lazisync migrate")

	applied, err := f.Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"column raw.st_customers.name", "column raw.st_customers.balance", "table raw.st_jobs"}, applied)
	require.NoError(t, f.CheckSchema(t.Context()))
	require.Equal(t, "x", f.version(1).Name)
	require.Equal(t, run.Number, f.version(1).Run)
	require.Equal(t, "12.50", get[string](f, "select balance::text from raw.st_customers"))
	require.Equal(t, int64(1), get[int64](f, "select count(*) from public.names"))
}

func TestAnOldSchemaIsReported(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.exec("delete from raw.schema_versions where version_id >= 3")
	require.ErrorContains(t, f.CheckSchema(t.Context()), "the database lacks migration 0003_casts")
}

func TestSessionSettings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	settings := func(s interface{ Config() *pgxpool.Config }) map[string]string {
		return s.Config().ConnConfig.RuntimeParams
	}
	require.NotContains(t, settings(f.db), "statement_timeout", "the test's own way in is left alone")
	require.NoError(t, f.Ping(t.Context()))
	got := get[string](f, "select string_agg(distinct application_name, ',') from pg_stat_activity where datname = current_database() and application_name <> ''")
	require.Equal(t, "lazisync", got)
}

func TestConstraintsAllowEveryMode(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, table := range []string{"sync_requests", "sync_runs"} {
		constraint := get[string](f, `select pg_get_constraintdef(oid) from pg_constraint
			where conrelid = ('raw.' || $1::text)::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%mode%'`, table)
		for _, mode := range events.ModeNames() {
			require.Contains(t, constraint, "'"+mode+"'", "raw.%s: a new mode needs a migration", table)
		}
	}
}
