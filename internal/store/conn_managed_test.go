package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A managed service: the user is no superuser, role and database have settings, and another tool
// replicates all tables.
func TestInADatabaseOfAManagedService(t *testing.T) {
	t.Parallel()
	user := role(t)
	f := exclusive(t)
	f.exec("do $$ begin execute format('grant create on database %I to " + user + "', current_database()); end $$")
	f.exec("do $$ begin execute format('alter database %I set search_path = nowhere', current_database()); end $$")
	for setting, value := range map[string]string{
		"statement_timeout": "1s", "lock_timeout": "1s", "idle_in_transaction_session_timeout": "1s", "work_mem": "64kB", "jit": "on",
	} {
		f.exec("alter role " + user + " set " + setting + " = '" + value + "'")
	}
	f.exec("create publication everything for all tables") // a table without a replica identity could then not be updated
	s := openStore(t, as(t, f.url, user))
	for setting, want := range map[string]string{
		"statement_timeout": "30s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "1min", "work_mem": "32MB", "jit": "off", "is_superuser": "off",
	} {
		got, err := s.Show(t.Context(), setting)
		require.NoError(t, err)
		require.Equal(t, want, got, setting)
	}
	doEverything(t, as(t, f.url, user), 4)
	require.Positive(t, get[int64](f, "select count(*) from pg_publication_tables where schemaname = 'raw'"))
	require.Zero(t, get[int64](f, `select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'raw' and c.relkind = 'r' and c.relpersistence = 'p' and c.relreplident = 'd'
			and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)`), "every logged table has a replica identity")
	require.Zero(t, get[int64](f, "select count(*) from pg_extension where extname <> 'plpgsql'"), "no extension is needed")
}

// The server ends connections that are idle for longer than idle_session_timeout.
func TestIdleConnectionsThatTheServerEndsAreReplaced(t *testing.T) {
	t.Parallel()
	user := role(t)
	f := exclusive(t)
	f.exec("alter role " + user + " set idle_session_timeout = '1s'")
	s := openStore(t, as(t, f.url, user))
	for range 3 {
		_, err := s.Show(t.Context(), "is_superuser")
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			return get[int64](f, "select count(*) from pg_stat_activity where usename = '"+user+"'") == 0
		}, time.Minute, 20*time.Millisecond, "the server does not end it")
	}
}
