package store_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// otherDatabase is a database made with options of its own.
func otherDatabase(t *testing.T, options string) string {
	t.Helper()
	admin := pgtest.Database(t)
	name := "other_" + strings.ToLower(rand.Text())
	run := func(sql string) {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, admin)
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close(ctx)) }()
		_, err = conn.Exec(ctx, sql)
		require.NoError(t, err, sql)
	}
	run("create database " + name + " " + options)
	t.Cleanup(func() { run("drop database " + name + " with (force)") })
	u, err := url.Parse(admin)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func TestADatabaseInAnotherEncodingIsRefused(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		s := openStore(t, otherDatabase(t, "template template0 encoding '"+encoding+"' lc_collate 'C' lc_ctype 'C'"))
		var unsuitable *store.UnsupportedServerError
		for name, call := range map[string]func() error{
			"CheckSupported": func() error { return s.CheckSupported(t.Context()) },
			"Works":          func() error { return s.CheckReady(t.Context(), store.AccessPages) },
			"Migrate":        func() error { _, err := s.Migrate(t.Context()); return err },
			"Inspect":        func() error { _, err := s.Inspect(t.Context(), store.AccessRead); return err },
			"Ping":           func() error { return s.Ping(t.Context()) },
		} {
			began := time.Now()
			err := call()
			require.ErrorAs(t, err, &unsuitable, name)
			require.ErrorContains(t, err, "the database has server_encoding "+encoding+", want UTF8: create a database with encoding UTF8", name)
			require.Less(t, time.Since(began), 20*time.Second, name)
		}
	}
}

// An administrator closes a database for a moment, for example to copy or to restore it.
func TestADatabaseThatAcceptsNoConnectionsIsRetried(t *testing.T) {
	t.Parallel()
	address := otherDatabase(t, "template template0 encoding 'UTF8'")
	u, err := url.Parse(address)
	require.NoError(t, err)
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	admin, err := pgx.Connect(t.Context(), u.String())
	require.NoError(t, err)
	defer func() { require.NoError(t, admin.Close(t.Context())) }()
	s := openStore(t, address)
	require.NoError(t, s.Ping(t.Context()))
	for _, sql := range []string{"alter database " + name + " allow_connections false", "select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + name + "'"} {
		_, err = admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		_, err = s.Show(t.Context(), "is_superuser")
		return err != nil && strings.Contains(err.Error(), "SQLSTATE 55000")
	}, time.Minute, 10*time.Millisecond, "the connections have ended")
	var refusal *store.Refusal
	require.NotErrorAs(t, err, &refusal, "a run waits for it")
	require.Contains(t, store.FixOf(err), "allow_connections true")
	_, err = admin.Exec(t.Context(), "alter database "+name+" allow_connections true")
	require.NoError(t, err)
	require.NoError(t, s.Ping(t.Context()))
}

// TestSettingsOfARoleAreOverridden sets for the user what would change texts and results.
func TestSettingsOfARoleAreOverridden(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "exec", "simple_protocol"} {
		t.Run("mode "+mode, func(t *testing.T) {
			t.Parallel()
			user := role(t)
			f := exclusive(t)
			f.exec("do $$ begin execute format('grant create on database %I to " + user + "', current_database()); end $$")
			for setting, value := range map[string]string{
				"datestyle": "'German'", "intervalstyle": "'sql_standard'", "bytea_output": "'escape'", "timezone": "'America/Denver'", "client_encoding": "'LATIN1'",
				"standard_conforming_strings": "off", "default_transaction_isolation": "'serializable'",
				"lock_timeout": "'1ms'", "extra_float_digits": "'0'", "lc_messages": "'C'",
			} {
				f.exec("alter role " + user + " set " + setting + " = " + value)
			}
			doEverything(t, withParameter(t, as(t, f.url, user), "default_query_exec_mode", mode), 4)
		})
	}
}

func TestParametersOfTheURLApplyToEachTransaction(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := openStore(t, withParameter(t, withParameter(t, f.url, "statement_timeout", "150ms"), "lock_timeout", "50ms"))
	tx, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "lock table raw.sync_requests in access exclusive mode")
	require.NoError(t, err)
	_, err = s.Receive(t.Context(), []ledger.Request{request(events.Full, "r", "customers")})
	require.ErrorContains(t, err, "SQLSTATE 55P03")
	require.NoError(t, tx.Rollback(t.Context()))
	_, err = s.Receive(t.Context(), []ledger.Request{request(events.Full, "r", "customers")})
	require.NoError(t, err)
}

// TestListParametersOfTheURL: a search path of two schemas is not one schema with a comma
// in its name.
func TestListParametersOfTheURL(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	for given, want := range map[string]string{
		"one":                     "one",
		"one,Two , raw":           "one, two, raw",
		`"$user", "a ""b"", C",d`: `"$user", "a ""b"", C", d`,
	} {
		got, err := openStore(t, strings.ReplaceAll(withParameter(t, address, "search_path", given), "+", "%20")).Show(t.Context(), "search_path")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestAURLMayDisableTheCachesOfPgx, as is advised for poolers.
func TestAURLMayDisableTheCachesOfPgx(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "cache_statement", "cache_describe"} {
		address := withParameter(t, pgtest.Database(t), "default_query_exec_mode", mode)
		address = withParameter(t, withParameter(t, address, "statement_cache_capacity", "0"), "description_cache_capacity", "0")
		require.NoError(t, store.CheckURL(address))
		doEverything(t, address, 2)
	}
}

// TestTheWritableHostIsUsed, whatever their order.
func TestTheWritableHostIsUsed(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"postgres://u@a,b/d":                          true,
		"postgres://u@a:1,a:2/d":                      true,
		"postgres://u@/d?host=a,b&sslmode=disable":    true,
		"postgres://u@a/d?sslmode=prefer":             false,
		"postgres:///d?host=/tmp":                     false,
		"postgres://u@a,b/d?target_session_attrs=any": false,
	} {
		require.NoError(t, store.CheckURL(address))
		require.Equal(t, want, openStore(t, address).ChecksHosts(), address)
	}
}

// TestPermanentErrorsAreRefusals revokes privileges and drops tables.
func TestPermanentErrorsAreRefusals(t *testing.T) {
	t.Parallel()
	user := role(t)
	f := newFixture(t)
	f.exec("grant usage on schema raw, raw_rebuild to " + user + "; grant create on schema raw_rebuild to " + user)
	f.exec("grant select, insert, update, delete on all tables in schema raw to " + user + "; grant usage on all sequences in schema raw to " + user)
	s := openStore(t, as(t, f.url, user))
	require.NoError(t, s.CheckReady(t.Context(), store.AccessPages))
	c := find(t, "customers")
	run := f.beginFull("r", c.Name)
	at := f.open(run, c)
	storePage := func() error {
		next, err := s.StorePage(t.Context(), run.Target(c), at, page(atMinute(at), "1", false, customer(1, atMinute(at), fmt.Sprint("version ", at.Version))))
		if err == nil {
			at = next
		}
		return err
	}
	require.NoError(t, storePage())
	refused := func(code, fix string) {
		t.Helper()
		err := storePage()
		var refusal *store.Refusal
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, code, refusal.Code)
		require.Equal(t, "StoreError", refusal.Type())
		require.ErrorContains(t, err, fix)
		require.Equal(t, fix, store.FixOf(err))
	}

	f.exec("revoke insert on raw.st_customers from " + user)
	refused("42501", "grant what deploy/README.md lists for the role")
	require.EqualError(t, s.CheckReady(t.Context(), store.AccessPages), "the user has no privilege to insert on raw.st_customers: grant what deploy/README.md lists for the role")
	f.exec("grant insert on raw.st_customers to " + user)
	require.NoError(t, storePage())
	require.NoError(t, s.CheckReady(t.Context(), store.AccessPages))

	f.exec("alter table raw.st_customers rename to gone")
	refused("42P01", "run lazisync migrate; if the table was dropped, restore it")
	require.EqualError(t, s.CheckReady(t.Context(), store.AccessPages), "the database lacks table raw.st_customers: run lazisync migrate")
	f.exec("alter table raw.gone rename to st_customers")
	require.NoError(t, storePage())
}

func atMinute(p ledger.Position) time.Time { return at(int(p.Pages)) }

// TestConnectionsToAReadOnlyServerAreClosed switches the database to read only, as a failover does, and back.
func TestConnectionsToAReadOnlyServerAreClosed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	set := func(value string) {
		f.exec("do $$ begin execute format('alter database %I set default_transaction_read_only = " + value + "', current_database()); end $$")
	}
	require.NoError(t, f.CheckReady(t.Context(), store.AccessPages))
	_, err := f.db.Exec(t.Context(), "set default_transaction_read_only = off")
	require.NoError(t, err)
	set("on")
	// Connections that are open do not know yet; new ones do.
	s := openStore(t, f.url)
	require.EqualError(t, s.CheckReady(t.Context(), store.AccessPages), "write to the ledger: ERROR: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)")
	require.NoError(t, s.CheckReady(t.Context(), store.AccessRead))
	_, err = s.Receive(t.Context(), []ledger.Request{request(events.Full, "r", "customers")})
	require.ErrorContains(t, err, "SQLSTATE 25006")
	var refusal *store.Refusal
	require.NotErrorAs(t, err, &refusal, "it passes")

	admin, err := pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	defer func() { require.NoError(t, admin.Close(t.Context())) }()
	_, err = admin.Exec(t.Context(), "begin read write; do $$ begin execute format('alter database %I set default_transaction_read_only = off', current_database()); end $$; commit")
	require.NoError(t, err)
	_, err = s.Receive(t.Context(), []ledger.Request{request(events.Full, "r", "customers")})
	require.NoError(t, err, "its connections were closed, and new ones take writes")
	require.NoError(t, s.CheckReady(t.Context(), store.AccessPages))
}

func TestAPageFailsIfEveryRecordIsRejected(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", c.Name)
	f.exec("alter table raw.st_customers add check (tenant_id <> 42)")
	records := make([]entity.Record, 40)
	for i := range records {
		records[i] = customer(i+1, at(0), "x")
	}
	_, err := f.StorePage(t.Context(), run.Target(c), f.open(run, c), page(at(0), "1", false, records...))
	require.ErrorContains(t, err, "PostgreSQL rejects every record of the page")
	require.ErrorContains(t, err, "SQLSTATE 23514")
	var refusal *store.Refusal
	require.ErrorAs(t, err, &refusal)
	p := f.storePage(run, c, f.open(run, c), page(at(0), "1", false, records[:3]...))
	require.EqualValues(t, 3, p.Rejected, "few records may well be wrong together")
}
