package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/testcerts"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// startPostgres runs a server with the users of the deployment.
func startPostgres(t *testing.T) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Dir: t.TempDir(), Unsafe: true, StopWithParent: true, RemoveAfter: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	require.NoError(t, load(t, demoEnv).SetUpPostgres(t.Context(), root, server))
	return server
}

// urlOf is where a user of the deployment connects.
func urlOf(server *pgserver.Server, user, database string) string {
	return fmt.Sprintf("postgres://%s:demo-%s@%s/%s", user, strings.TrimPrefix(user, "lazisync_"), server.Addr(), database)
}

func openStore(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// users of the database lazisync.
var users = []string{"lazisync_owner", "lazisync_app", "lazisync_gateway", "lazisync_reader"}

// statements are what each user may do, in turn, and everything that the others may not.
var statements = []struct {
	sql string
	may []string
}{
	{"create table raw.later (a int primary key)", []string{"lazisync_owner"}}, // as a later migration does
	{"insert into raw.later values (1)", []string{"lazisync_owner", "lazisync_app"}},
	{"insert into raw.sync_state (tenant_id, table_name) values (1, 'raw.x')", []string{"lazisync_owner", "lazisync_app"}},
	{"update raw.sync_state set records_count = 1 where table_name = 'raw.x'", []string{"lazisync_owner", "lazisync_app"}},
	{"delete from raw.sync_state where table_name = 'raw.x'", []string{"lazisync_owner", "lazisync_app"}},
	{"select count(*) from raw.later, raw.sync_state, raw.st_customers, raw.sync_runs", users},
	{"select nextval('raw.sync_runs_run_number_seq')", []string{"lazisync_owner", "lazisync_app"}},
	{"insert into raw.sync_audit (audit_id, at, actor, role, action, target, request_id, reason, status, problem, remote) values ('', now(), '', '', '', '', '', '', 0, '', '')", []string{"lazisync_owner", "lazisync_app", "lazisync_gateway"}},
	{"insert into raw.sync_dead_letters (sequence, rejected_at) values (1, now())", []string{"lazisync_owner", "lazisync_app", "lazisync_gateway"}},
	{"delete from raw.sync_audit", []string{"lazisync_owner", "lazisync_app"}},
	{"truncate raw.st_customers", []string{"lazisync_owner"}},
	{"alter table raw.st_customers add column more int", []string{"lazisync_owner"}},
	{"create index on raw.st_customers (name)", []string{"lazisync_owner"}},
	{"select count(*) from st.customers, st.invoice_items", users},
	{"create view st.another as select 1 as one", []string{"lazisync_owner"}},
	{"drop view st.customers", []string{"lazisync_owner"}},
	{"drop table raw.st_customers cascade", []string{"lazisync_owner"}},
	{"create schema another", []string{"lazisync_owner"}},
	{"create table raw_rebuild.another (a int)", []string{"lazisync_app"}}, // of a rebuild
	{"create table public.another (a int)", []string{"lazisync_owner"}},
	{"create role another", nil},
	{"select pg_read_file('postgresql.conf')", nil},
	{"copy raw.sync_runs to program 'cat'", nil},
}

func TestPostgresUsersHaveOnlyNeededPrivileges(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	_, err := openStore(t, urlOf(server, "lazisync_app", "lazisync")).Migrate(t.Context())
	require.ErrorContains(t, err, "permission denied for database lazisync", "migrating needs more than working")
	owner := openStore(t, urlOf(server, "lazisync_owner", "lazisync"))
	_, err = owner.Migrate(t.Context())
	require.NoError(t, err)
	_, err = owner.MigrateViews(t.Context(), nil)
	require.NoError(t, err)
	for user, access := range map[string]store.Access{
		"lazisync_app": store.AccessPages, "lazisync_gateway": store.AccessAudit, "lazisync_reader": store.AccessRead,
	} {
		x, err := openStore(t, urlOf(server, user, "lazisync")).Inspect(t.Context(), access)
		require.NoError(t, err, user)
		require.Empty(t, x.MissingPrivileges, user)
		require.Empty(t, x.MissingObjects, user)
	}

	customers, _ := entity.Find("customers")
	for _, user := range users {
		_, err := openStore(t, urlOf(server, user, "lazisync")).Erase(t.Context(), ledger.Erasure{TenantID: "1", Entity: customers, ID: "1"}, nil, &ledger.AuditEntry{ID: user})
		if user == "lazisync_app" || user == "lazisync_owner" {
			require.NoError(t, err, user)
		} else {
			require.ErrorContains(t, err, "SQLSTATE 42501", user)
		}
	}

	connections := map[string]*pgx.Conn{}
	for _, user := range users {
		connections[user], err = pgx.Connect(t.Context(), urlOf(server, user, "lazisync"))
		require.NoError(t, err)
		defer func() { require.NoError(t, connections[user].Close(t.Context())) }()
	}
	for _, s := range statements {
		for _, user := range users {
			tx, err := connections[user].Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), s.sql)
			if slices.Contains(s.may, user) {
				require.NoError(t, err, "%s: %s", user, s.sql)
			} else {
				require.ErrorContains(t, err, "SQLSTATE 42501", "%s: %s", user, s.sql)
			}
			if strings.HasPrefix(s.sql, "create table raw.later") && err == nil {
				require.NoError(t, tx.Commit(t.Context()))
				break // it is there now
			}
			require.NoError(t, tx.Rollback(t.Context()))
		}
	}
	for user, database := range map[string]string{
		"temporal": "lazisync", "lazisync_owner": "temporal", "lazisync_app": "temporal_visibility", "lazisync_reader": "temporal",
	} {
		_, err := pgx.Connect(t.Context(), urlOf(server, user, database))
		require.ErrorContains(t, err, "permission denied for database", "%s in %s", user, database)
	}
}

func TestPostgresOverTLS(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	superuser, err := pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, superuser.Close(t.Context())) }()
	var dir string
	require.NoError(t, superuser.QueryRow(t.Context(), "show data_directory").Scan(&dir))
	certs, err := testcerts.New(t.TempDir(), "lazisync")
	require.NoError(t, err)
	owner, err := os.Stat(dir)
	require.NoError(t, err)
	for from, to := range map[string]string{certs.ServerCert: "server.crt", certs.ServerKey: "server.key"} {
		pem, err := os.ReadFile(from)
		require.NoError(t, err)
		to = filepath.Join(dir, to)
		require.NoError(t, os.WriteFile(to, pem, 0o600))
		as := owner.Sys().(*syscall.Stat_t)
		require.NoError(t, os.Chown(to, int(as.Uid), int(as.Gid)))
	}
	for _, sql := range []string{"alter system set ssl = on", "select pg_reload_conf()"} {
		_, err := superuser.Exec(t.Context(), sql)
		require.NoError(t, err)
	}

	url := urlOf(server, "lazisync_owner", "lazisync")
	verified := openStore(t, url+"?sslmode=verify-full&sslrootcert="+certs.CA)
	require.Eventually(t, func() bool { // the server reads its configuration again in its own time
		x, err := verified.Inspect(t.Context(), store.AccessRead)
		return err == nil && x.TLS
	}, patience, tick)
	_, err = verified.Migrate(t.Context())
	require.NoError(t, err)

	others, err := testcerts.New(t.TempDir(), "lazisync")
	require.NoError(t, err)
	err = openStore(t, url+"?sslmode=verify-full&sslrootcert="+others.CA).Ping(t.Context())
	require.ErrorContains(t, err, "certificate signed by unknown authority")
	require.NotContains(t, err.Error(), "demo-owner")
}
