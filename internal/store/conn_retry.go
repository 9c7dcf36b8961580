package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sethvargo/go-retry"

	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/store/ddl"
)

const (
	// maxAttempts bounds the attempts at a transaction. Callers retry longer, up to their own
	// deadline.
	maxAttempts = 3
	firstDelay  = 50 * time.Millisecond

	// defaultAcquireWait is longer than any statement may take, so that only a pool that is too
	// small or a database that hangs exceeds it.
	defaultAcquireWait = 35 * time.Second
)

// errPoolBusy reports that no connection became free in time.
var errPoolBusy = errors.New("no connection became free")

// Refusal is an error of PostgreSQL that a retry does not change: somebody has to act first. Fix
// says how; it may be "".
type Refusal struct {
	Code string // SQLSTATE; "" for a TLS error
	Fix  string
	err  error
}

func (e *Refusal) Error() string {
	if e.Fix == "" {
		return e.err.Error()
	}
	return e.err.Error() + ": " + e.Fix
}
func (e *Refusal) Unwrap() error { return e.err }

// Refused reports that the operation fails until somebody acts. Callers retry it for some minutes
// and then give up.
func (e *Refusal) Refused() bool { return true }

// Type is the type of the error in events.
func (e *Refusal) Type() string { return "StoreError" }

// FixOf returns what to do about an error of this package, "" if unknown.
func FixOf(err error) string { return classify(err).fix }

// transact runs f in a transaction and retries it from the start after a transient error. f may
// run again after a commit whose response was lost, so every transaction of this package must be
// safe to repeat.
func (s *Store) transact(ctx context.Context, what string, f func(tx pgx.Tx) error) error {
	return s.transactWith(ctx, what, s.txOptions, f)
}

func (s *Store) transactWith(ctx context.Context, what string, begin pgx.TxOptions, f func(tx pgx.Tx) error) error {
	statement := statementName()
	ctx, end := startTransaction(ctx, statement)
	backoff := retry.WithMaxRetries(maxAttempts-1, retry.WithJitterPercent(50, retry.NewExponential(firstDelay)))
	err := retry.Do(ctx, backoff, func(ctx context.Context) error {
		began := time.Now()
		err := s.once(ctx, begin, f)
		s.recorder.StatementDone(statement, time.Since(began))
		s.logOutage(ctx, what, err)
		if ctx.Err() != nil || !isRetryable(err) {
			return err
		}
		s.log.Debug().Err(err).Str("operation", what).Stringer("class", classify(err).class).Msg("transient PostgreSQL error, retrying")
		return retry.RetryableError(err)
	})
	end(err)
	if err != nil {
		return fmt.Errorf("%s: %w", what, refusalOf(err))
	}
	return nil
}

// logOutage logs when PostgreSQL becomes unavailable and when it is available again.
func (s *Store) logOutage(ctx context.Context, what string, err error) {
	if err == nil {
		if lasted, ended := s.outage.Succeed(); ended {
			s.log.Info().Int64("duration_ms", lasted.Milliseconds()).Msg("PostgreSQL available again")
		}
		return
	}
	isOutage := classify(err).class == connectionError || errors.Is(err, errPoolBusy)
	if isOutage && ctx.Err() == nil && s.outage.Fail() {
		s.log.Warn().Err(err).Str("operation", what).Msg("PostgreSQL unavailable, retrying")
	}
}

// read runs f in a transaction that only reads. A pooler in transaction mode gives each
// transaction one server connection. No plans are reused: most reads have filters that may be absent,
// and a plan for all values would read the whole table for one row.
func (s *Store) read(ctx context.Context, what string, f func(q ddl.Querier) error) error {
	return s.transactWith(ctx, what, s.readOptions, func(tx pgx.Tx) error { return f(tx) })
}

// once runs f in a transaction without retry. It closes the connection after an error that leaves
// it unusable.
func (s *Store) once(ctx context.Context, begin pgx.TxOptions, f func(tx pgx.Tx) error) error {
	return s.withConn(ctx, func(conn *pgxpool.Conn) error {
		defer setTransaction(ctx, conn.Conn())()
		err := pgx.BeginTxFunc(ctx, conn, begin, f)
		err = cmp.Or(err, failpoint.Error("postgresql/committed", io.ErrUnexpectedEOF))
		s.closeUnusable(ctx, conn, err)
		return err
	})
}

// closeWait bounds closing a connection: the server may be unreachable.
const closeWait = time.Second

// closeUnusable closes a connection after an error that leaves it unusable. If the server no
// longer accepts writes or shuts down, it closes every connection of the pool.
func (s *Store) closeUnusable(ctx context.Context, conn *pgxpool.Conn, err error) {
	switch classify(err).class {
	case connectionError, sessionError:
	default:
		return
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		if pg.Code == "25006" || strings.HasPrefix(pg.Code, "57P0") {
			s.pool.Reset()
		}
		s.stopPreparing(pg)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
	defer cancel()
	_ = conn.Conn().Close(ctx) // the pool removes a closed connection
}

// withConn runs f with a connection of the pool.
func (s *Store) withConn(ctx context.Context, f func(conn *pgxpool.Conn) error) error {
	began := time.Now()
	waiting, cancel := context.WithTimeout(ctx, s.acquireWait)
	conn, err := s.pool.Acquire(waiting)
	if errors.Is(err, errPooled) {
		conn, err = s.pool.Acquire(waiting)
	}
	timedOut := waiting.Err() != nil && ctx.Err() == nil
	cancel()
	if err != nil {
		if timedOut {
			err = errPoolBusy
		}
		stat := s.pool.Stat()
		return fmt.Errorf("waited %v for a connection, %d of %d busy: %w",
			time.Since(began).Round(time.Millisecond), stat.AcquiredConns(), stat.MaxConns(), err)
	}
	defer conn.Release()
	return f(conn)
}

// classify returns the class of an error and what to do about it.
func classify(err error) sqlState {
	var pg *pgconn.PgError
	var unsuitable *UnsupportedServerError
	var network net.Error
	var connect *pgconn.ConnectError
	switch {
	case err == nil:
		return sqlState{}
	case errors.As(err, &unsuitable):
		return sqlState{permanentError, unsuitable.Fix}
	case errors.As(err, &pg):
		return stateOf(pg.Code, pg.Message, pg.Routine)
	case isTLSError(err):
		return sqlState{permanentError, "correct sslmode and sslrootcert in DATABASE_URL, or the server's certificate"}
	case errors.Is(err, errPoolBusy):
		return sqlState{class: transientError}
	case errors.As(err, &network), errors.As(err, &connect), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), pgconn.SafeToRetry(err):
		return sqlState{class: connectionError}
	}
	return sqlState{}
}

func isTLSError(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var certificate x509.CertificateInvalidError
	var alert tls.AlertError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &certificate) ||
		errors.As(err, &alert) || err != nil && strings.Contains(err.Error(), "server refused TLS connection")
}

// isRetryable reports whether a retry may succeed. A transaction that exceeded statement_timeout
// would take as long again.
func isRetryable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "57014" {
		return false
	}
	switch classify(err).class {
	case transientError, connectionError, sessionError:
		return true
	}
	return false
}

// refusalOf wraps an error that a retry does not change in a Refusal. These are permanent errors,
// data errors outside of a page, and session errors of every connection that was tried.
func refusalOf(err error) error {
	state := classify(err)
	switch state.class {
	case dataError, sessionError, permanentError:
	default:
		return err
	}
	var unsuitable *UnsupportedServerError
	var permanent interface{ Permanent() bool }
	if errors.As(err, &unsuitable) || errors.As(err, &permanent) && permanent.Permanent() {
		return err // has the same methods
	}
	refusal := &Refusal{Fix: state.fix, err: err}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		refusal.Code = pg.Code
	}
	return refusal
}

// refusesData returns the error of PostgreSQL, and whether it rejects the values of a statement,
// which may succeed without them.
func refusesData(err error) (*pgconn.PgError, bool) {
	var pg *pgconn.PgError
	return pg, errors.As(err, &pg) && classify(err).class == dataError
}
