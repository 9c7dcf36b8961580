package store

import (
	"context"
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

// querier reads, within a transaction or without.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// begin marks a transaction as one of lazisync.
var begin = pgx.TxOptions{BeginQuery: "begin; set local " + writerSetting + " = 'on'"}

// transact runs f in a transaction, again from its start when PostgreSQL fails in a
// way that passes. f may therefore run several times, also after a commit whose
// answer was lost: every transaction of this package bears that.
func (s *Store) transact(ctx context.Context, what string, f func(tx pgx.Tx) error) error {
	return s.connected(ctx, what, func(conn *pgxpool.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, begin, f)
	})
}

// read runs f on a connection of its own, again when PostgreSQL fails in a way that passes.
func (s *Store) read(ctx context.Context, what string, f func(q querier) error) error {
	return s.connected(ctx, what, func(conn *pgxpool.Conn) error { return f(conn) })
}

func (s *Store) connected(ctx context.Context, what string, f func(conn *pgxpool.Conn) error) error {
	backoff := retry.WithMaxRetries(attempts-1, retry.WithJitterPercent(50, retry.NewExponential(firstDelay)))
	err := retry.Do(ctx, backoff, func(ctx context.Context) error {
		err := s.acquired(ctx, f)
		if !transient(err) || ctx.Err() != nil {
			return err
		}
		s.log.Warn().Err(err).Str("doing", what).Msg("PostgreSQL failed in a way that passes")
		return retry.RetryableError(err)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
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

// transient says whether the same transaction may well succeed in a moment.
func transient(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case strings.HasPrefix(pg.Code, "08"), // connection lost
			strings.HasPrefix(pg.Code, "57P0"),     // the server goes down or comes up
			strings.HasPrefix(pg.Code, "53"),       // out of connections, memory or disk
			pg.Code == "40001", pg.Code == "40P01", // serialization, deadlock
			pg.Code == "55P03": // waited too long for a lock
			return true
		case pg.Code == "0A000": // a table was altered under a prepared statement
			return strings.Contains(pg.Message, "cached plan")
		}
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// refusesData says whether PostgreSQL refused the data of a statement, so that the
// same statement without it could succeed.
func refusesData(err error) (*pgconn.PgError, bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return nil, false
	}
	data := strings.HasPrefix(pg.Code, "22") || // a value is wrong
		strings.HasPrefix(pg.Code, "23") || // a constraint does not hold
		strings.HasPrefix(pg.Code, "54") // too long, too deep, too large
	return pg, data
}
