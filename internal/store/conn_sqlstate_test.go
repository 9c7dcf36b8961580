package store

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
)

// TestEverySQLSTATEIsClassified compares the class of every code of PostgreSQL 18 with the
// table in testdata.
func TestEverySQLSTATEIsClassified(t *testing.T) {
	t.Parallel()
	const file = "testdata/sqlstates.txt"
	held, err := os.ReadFile(file)
	require.NoError(t, err)
	var got strings.Builder
	codes := 0
	for line := range strings.Lines(string(held)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(line, "#") {
			got.WriteString(line)
			continue
		}
		codes++
		fmt.Fprintf(&got, "%s %-55s %s\n", fields[0], fields[1], stateOf(fields[0], "", "").class)
	}
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
	}
	require.Greater(t, codes, 250)
	require.Equal(t, string(held), got.String())
}

func TestSQLSTATEsThatDependOnMessageOrRoutine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, message, routine string
		want                   failureClass
	}{
		{"0A000", "cached plan must not change result type", "RevalidateCachedQuery", sessionError},
		{"0A000", "le plan en cache ne doit pas modifier le type en résultat", "RevalidateCachedQuery", sessionError},
		{"0A000", "cannot use cached plan", "", permanentError},
		{"XX000", "tuple concurrently updated", "simple_heap_update", transientError},
		{"XX000", "tuple concurrently deleted", "simple_heap_delete", transientError},
		{"XX000", "unexpected data beyond EOF", "", permanentError},
		{"55000", `database "lazisync" is not currently accepting connections`, "CheckMyDatabase", connectionError},
		{"55000", "la base de données n'accepte pas les connexions", "CheckMyDatabase", connectionError},
		{"55000", `cannot connect to invalid database "lazisync"`, "InitPostgres", permanentError},
		{"55000", "materialized view has not been populated", "ExecOpenScanRelation", permanentError},
		// Errors of PgBouncer.
		{"08P01", "unsupported startup parameter: lock_timeout", "", permanentError},
		{"08P01", "transaction blocks not allowed in statement pooling mode", "", permanentError},
		{"08P01", "no such database: lazisync", "", permanentError},
		{"08P01", "no such user: lazisync", "", permanentError},
		{"08P01", "server login failed: FATAL password authentication failed for user \"lazisync\"", "", permanentError},
		{"08P01", "SASL authentication failed", "", permanentError},
		{"08P01", "auth failed", "", permanentError},
		{"08P01", "bouncer config error", "", permanentError},
		{"08P01", "SSL required", "", permanentError},
		{"08P01", "database does not allow connections: lazisync", "", permanentError},
		{"08P01", "no more connections allowed (max_client_conn)", "", connectionError},
		{"08P01", "server login failed: FATAL the database system is starting up", "", connectionError},
		{"08P01", `server login failed: FATAL database "lazisync" is not currently accepting connections`, "", connectionError},
		{"08P01", "server login has been failing, try again later (server_login_retry)", "", connectionError},
		{"08P01", "pgbouncer cannot connect to server", "", connectionError},
		{"08P01", "query_wait_timeout", "", connectionError},
		{"08P01", "server conn crashed?", "", connectionError},
		{"08P01", "server_lifetime", "", connectionError},
		{"08P01", "client_idle_timeout", "", connectionError},
		{"08P01", "idle transaction timeout", "", connectionError},
		{"08P01", "closed due to administrator: SHUTDOWN", "", connectionError},
		{"08P01", "bind message has 3 result formats but query has 2 columns", "exec_bind_message", sessionError},
		// What no PostgreSQL has said so far.
		{"08ZZZ", "", "", connectionError},
		{"57Z99", "", "", transientError},
		{"ZZ999", "", "", permanentError},
		{"", "", "", permanentError},
	} {
		require.Equal(t, c.want, stateOf(c.code, c.message, c.routine).class, "%s %s", c.code, c.message)
	}
}

func TestErrorsWithoutSQLSTATE(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want failureClass
	}{
		"none":               {nil, unclassified},
		"wrapped":            {fmt.Errorf("store page: %w", &pgconn.PgError{Code: "40P01"}), transientError},
		"end of file":        {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), connectionError},
		"connection refused": {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, connectionError},
		"no such host":       {&net.DNSError{Err: "no such host", IsNotFound: true}, connectionError},
		"time ran out":       {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, connectionError},
		"closed":             {fmt.Errorf("write: %w", net.ErrClosed), connectionError},
		"unknown authority":  {fmt.Errorf("tls: %w", x509.UnknownAuthorityError{}), permanentError},
		"other host":         {fmt.Errorf("tls: %w", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db"}), permanentError},
		"no TLS":             {errors.New("server refused TLS connection"), permanentError},
		"pool":               {fmt.Errorf("waited: %w", errPoolBusy), transientError},
		"encoding":           {&UnsupportedServerError{Got: "server_encoding SQL_ASCII"}, permanentError},
		"finalized":          {ledger.ErrFinalized, unclassified},
		"fenced":             {fmt.Errorf("store page: %w", ledger.ErrFenced), unclassified},
		"canceled":           {context.Canceled, unclassified},
	} {
		require.Equal(t, c.want, classify(c.err).class, name)
	}
}

// TestClassesDetermineRetryAndRefusal shows what the callers get.
func TestClassesDetermineRetryAndRefusal(t *testing.T) {
	t.Parallel()
	for code, refused := range map[string]bool{
		"22P02": true, "23505": true, "26000": true, "42501": true, "42P01": true, "28P01": true, "0A000": true,
		"40001": false, "57P01": false, "25006": false, "08006": false, "57014": false, "53300": false, "53100": false,
	} {
		err := refusalOf(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: "no"}))
		var refusal *Refusal
		require.Equal(t, refused, errors.As(err, &refusal), code)
		if refused {
			require.Equal(t, code, refusal.Code)
			require.True(t, refusal.Refused())
		}
	}
	require.ErrorContains(t, refusalOf(&pgconn.PgError{Code: "42501", Message: "permission denied"}), "grant what deploy/README.md lists")
	require.False(t, isRetryable(&pgconn.PgError{Code: "57014"}), "it would take as long again")
	require.Equal(t, ledger.ErrFinalized, refusalOf(ledger.ErrFinalized))
	require.NoError(t, refusalOf(nil))
}
