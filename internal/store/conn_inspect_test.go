package store_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

func TestInspectDescribesTheServer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.beginFull("a", "customers")
	x, err := f.Inspect(t.Context(), store.AccessPages)
	require.NoError(t, err)
	require.GreaterOrEqual(t, x.Version, store.MinVersion)
	require.Equal(t, "UTF8", x.Encoding)
	require.Empty(t, x.MissingObjects)
	require.Empty(t, x.MissingPrivileges)
	require.False(t, x.ReadOnly)
	require.Less(t, x.ClockSkew.Abs().Seconds(), 5.0)
	require.Equal(t, 1, x.OpenRuns)
	require.Contains(t, x.Summary(), "PostgreSQL 1")
}

func TestInspectReportsTheMissingSchema(t *testing.T) {
	t.Parallel()
	x, err := openStore(t, pgtest.Database(t)).Inspect(t.Context(), store.AccessPages)
	require.NoError(t, err)
	require.Equal(t, []string{"lazisync's schema raw"}, x.MissingObjects)
}

func TestInspectReportsMissingPrivileges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	role := "reader_" + f.name()
	f.exec(fmt.Sprintf(`create role %s login password 'p'`, role))
	t.Cleanup(func() { // roles outlive the database of a test
		_, err := f.db.Exec(context.Background(), fmt.Sprintf(`drop owned by %[1]s; drop role %[1]s`, role))
		require.NoError(t, err)
	})
	as := openStore(t, f.as(role))

	x, err := as.Inspect(t.Context(), store.AccessRead)
	require.NoError(t, err)
	require.Equal(t, []string{"usage on schema raw"}, x.MissingPrivileges)

	f.exec(fmt.Sprintf(`grant usage on schema raw to %[1]s; grant select on all tables in schema raw to %[1]s; grant insert on raw.st_customers to %[1]s`, role))
	x, err = as.Inspect(t.Context(), store.AccessRead)
	require.NoError(t, err)
	require.Empty(t, x.MissingPrivileges)
	x, err = as.Inspect(t.Context(), store.AccessPages)
	require.NoError(t, err)
	require.Contains(t, x.MissingPrivileges, "update on raw.st_customers")
	require.NotContains(t, x.MissingPrivileges, "insert on raw.st_customers")
	x, err = as.Inspect(t.Context(), store.AccessLedger)
	require.NoError(t, err)
	require.Contains(t, x.MissingPrivileges, "insert on raw.sync_requests")
	require.NotContains(t, x.MissingPrivileges, "update on raw.st_customers")
}

// A table that Inspect does not know is first missed by the statement that needs it.
func TestInspectChecksEveryTable(t *testing.T) {
	t.Parallel()
	user := role(t)
	f := newFixture(t)
	f.exec("grant usage on schema raw to " + user)
	x, err := openStore(t, as(t, f.url, user)).Inspect(t.Context(), store.AccessPages)
	require.NoError(t, err)
	tables := get[[]string](f, "select array_agg(tablename::text order by tablename) from pg_tables where schemaname = 'raw'")
	require.Greater(t, len(tables), 20)
	onlyMigrated := []string{"sync_columns", "sync_time_zones", "schema_versions"}
	for _, table := range tables {
		require.Contains(t, x.MissingPrivileges, "select on raw."+table)
		if !slices.Contains(onlyMigrated, table) {
			require.Contains(t, x.MissingPrivileges, "insert on raw."+table)
		}
	}
}

// name is that of the test's database.
func (f *fixture) name() string { return get[string](f, "select current_database()") }

// as is the database's URL for another user.
func (f *fixture) as(user string) string {
	f.Helper()
	u, err := url.Parse(f.url)
	require.NoError(f, err)
	u.User = url.UserPassword(user, "p")
	return u.String()
}
