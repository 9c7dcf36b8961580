package store

import (
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

	"github.com/lazi/lazisync/internal/store/ddl"
)

const (
	// attempts is how often a transaction is tried. The callers go on trying where
	// this was not enough: they know how long it is worth it.
	attempts   = 3
	firstDelay = 50 * time.Millisecond

	// defaultAcquireWait is how long to wait for a connection of the pool: longer than any statement
	// may take, so that only a pool too small, or a database that hangs, runs into it.
	defaultAcquireWait = 35 * time.Second
)

// errBusy says that no connection became free in time. The caller tries again, if it does.
var errBusy = errors.New("no connection became free")

// Refusal is an error of PostgreSQL that repeating the transaction does not change:
// somebody has to act first, as Fix says where it is known.
type Refusal struct {
	Code string // SQLSTATE, "" for an error of TLS
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

// Refused says that the operation fails until somebody acts. Callers retry it for some
// minutes, in case that somebody is about to, and then give up.
func (e *Refusal) Refused() bool { return true }

// Type is the type of the error in events.
func (e *Refusal) Type() string { return "StoreError" }

// FixOf returns what to do about an error of this package, "" where it does not know.
func FixOf(err error) string { return classify(err).fix }

// transact runs f in a transaction, again from its start where that may help. f may
// therefore run several times, also after a commit whose
// answer was lost: every transaction of this package bears that.
func (s *Store) transact(ctx context.Context, what string, f func(tx pgx.Tx) error) error {
	return s.transactWith(ctx, what, s.txOptions, f)
}

func (s *Store) transactWith(ctx context.Context, what string, begin pgx.TxOptions, f func(tx pgx.Tx) error) error {
	backoff := retry.WithMaxRetries(attempts-1, retry.WithJitterPercent(50, retry.NewExponential(firstDelay)))
	err := retry.Do(ctx, backoff, func(ctx context.Context) error {
		err := s.once(ctx, begin, f)
		if ctx.Err() != nil || !isRetriable(err) {
			return err
		}
		s.log.Warn().Err(err).Str("doing", what).Stringer("class", classify(err).class).Msg("transaction failed, retrying")
		return retry.RetryableError(err)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, refusalOf(err))
	}
	return nil
}

// read runs f in a transaction that only reads. Reads are in transactions, too: a pooler
// in transaction mode gives each transaction one connection to the server.
func (s *Store) read(ctx context.Context, what string, f func(q ddl.Querier) error) error {
	return s.transact(ctx, what, func(tx pgx.Tx) error { return f(tx) })
}

// once runs f in a transaction, and closes the connection after an error that leaves it
// of no use.
func (s *Store) once(ctx context.Context, begin pgx.TxOptions, f func(tx pgx.Tx) error) error {
	return s.acquired(ctx, func(conn *pgxpool.Conn) error {
		err := pgx.BeginTxFunc(ctx, conn, begin, f)
		s.dropUseless(ctx, conn, err)
		return err
	})
}

// closeWait is how long the goodbye to a server may take that is perhaps gone.
const closeWait = time.Second

// dropUseless closes a connection after an error that leaves it of no use. After one that
// says that the server no longer takes writes or goes down, none of the pool's is of any.
func (s *Store) dropUseless(ctx context.Context, conn *pgxpool.Conn, err error) {
	switch classify(err).class {
	case connectionError, sessionError:
	default:
		return
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "25006" || strings.HasPrefix(pg.Code, "57P0")) {
		s.pool.Reset()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
	defer cancel()
	_ = conn.Conn().Close(ctx) // the pool forgets it
}

func (s *Store) acquired(ctx context.Context, f func(conn *pgxpool.Conn) error) error {
	asked := time.Now()
	waiting, cancel := context.WithTimeout(ctx, s.acquireWait)
	conn, err := s.pool.Acquire(waiting)
	late := waiting.Err() != nil && ctx.Err() == nil
	cancel()
	if err != nil {
		if late {
			err = errBusy
		}
		stat := s.pool.Stat()
		return fmt.Errorf("waited %v for a connection, %d of %d busy: %w",
			time.Since(asked).Round(time.Millisecond), stat.AcquiredConns(), stat.MaxConns(), err)
	}
	defer conn.Release()
	return f(conn)
}

// classify returns what follows from an error.
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
	case errors.Is(err, errBusy):
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

// isRetriable says whether the same transaction may well succeed in a moment. One that
// ran into statement_timeout would take as long once more.
func isRetriable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "57014" {
		return false
	}
	switch classify(err).class {
	case transientError, connectionError, sessionError:
		return true
	}
	return false
}

// refusalOf makes a Refusal of an error of PostgreSQL that was not worth another try.
// Data errors are: outside of a page, whose records are rejected, the same values come
// with every try. So are errors of sessions that came with each of several connections.
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
		return err // it says so itself
	}
	refusal := &Refusal{Fix: state.fix, err: err}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		refusal.Code = pg.Code
	}
	return refusal
}

// refusesData says whether PostgreSQL refused the data of a statement, so that the
// same statement without it could succeed.
func refusesData(err error) (*pgconn.PgError, bool) {
	var pg *pgconn.PgError
	return pg, errors.As(err, &pg) && classify(err).class == dataError
}
