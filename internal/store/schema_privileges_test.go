package store_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"crypto/rand"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// role makes a role of the test's own that may log in and nothing else. Make it before
// the database: it is dropped after what it owns.
func role(t *testing.T) string {
	t.Helper()
	name := "role_" + strings.ToLower(rand.Text())
	admin := pgtest.Database(t)
	run := func(sql string) {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, admin)
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close(ctx)) }()
		_, err = conn.Exec(ctx, sql)
		require.NoError(t, err, sql)
	}
	run(fmt.Sprintf("create role %s login password 'secret'", name))
	t.Cleanup(func() { run("drop role " + name) })
	return name
}

// as is the URL of a database for a role.
func as(t *testing.T, address, role string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "secret")
	return u.String()
}

// exclusive is an empty database in which users may only connect.
func exclusive(t *testing.T) *fixture {
	t.Helper()
	address := pgtest.Database(t)
	f := &fixture{TB: t, url: address, db: openPool(t, address)}
	f.exec("revoke all on schema public from public")
	f.exec(`do $$ begin execute format('revoke all on database %I from public', current_database());
		execute format('grant connect on database %I to public', current_database()); end $$`)
	return f
}

func TestMigrateIntoSchemasThatAnotherRoleMade(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string][]string{
		"both schemas, owned by another role":   {"create schema raw", "create schema raw_rebuild", "grant usage, create on schema raw, raw_rebuild to ROLE"},
		"both schemas, owned by the role":       {"create schema raw authorization ROLE", "create schema raw_rebuild authorization ROLE"},
		"rebuilds of another role":              {"create schema raw authorization ROLE", "create schema raw_rebuild"},
		"no schema, but create on the database": {"do $$ begin execute format('grant create on database %I to ROLE', current_database()); end $$"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			migrator := role(t)
			f := exclusive(t)
			for _, sql := range prepare {
				f.exec(strings.ReplaceAll(sql, "ROLE", migrator))
			}
			s := openStore(t, as(t, f.url, migrator))
			applied, err := s.Migrate(t.Context())
			require.NoError(t, err)
			require.Contains(t, applied, "0001_ledger")
			require.NoError(t, s.CheckSchema(t.Context()))
			applied, err = s.Migrate(t.Context())
			require.NoError(t, err)
			require.Empty(t, applied)
		})
	}
}

func TestMigrateReportsMissingPrivileges(t *testing.T) {
	t.Parallel()
	migrator := role(t)
	f := exclusive(t)
	s := openStore(t, as(t, f.url, migrator))
	_, err := s.Migrate(t.Context())
	require.ErrorContains(t, err, "create schema raw: ERROR: permission denied for database")
	require.ErrorContains(t, err, "or grant it what docs/operations.md lists for migrate")

	f.exec("create schema raw")
	_, err = s.Migrate(t.Context())
	require.ErrorContains(t, err, "permission denied for schema raw")
	require.ErrorContains(t, err, "or grant it what docs/operations.md lists for migrate")

	owner := openStore(t, f.url)
	_, err = owner.Migrate(t.Context())
	require.NoError(t, err)
	f.exec("alter table raw.st_customers drop column name")
	f.exec("grant usage on schema raw to " + migrator + "; grant all on all tables in schema raw to " + migrator)
	_, err = s.Migrate(t.Context())
	require.ErrorContains(t, err, "must be owner of table st_customers")
	require.ErrorContains(t, err, "migrate as the role that owns the schemas and the tables")
	var refusal *store.Refusal
	require.ErrorAs(t, err, &refusal)
}
