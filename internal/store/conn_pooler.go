package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// CheckSupported returns an *UnsupportedServerError if the database, or a pooler in front of it, can
// never serve lazisync as configured, and another error if it cannot tell.
func (s *Store) CheckSupported(ctx context.Context) error {
	// Two connections run one statement alternately: a pooler that does not track prepared
	// statements may give both the same connection to the server.
	err := s.withTwoConns(ctx, func(first, second *pgxpool.Conn) error {
		for _, conn := range []*pgxpool.Conn{first, second, first} {
			if err := pgx.BeginTxFunc(ctx, conn, s.txOptions, func(tx pgx.Tx) error {
				var one int
				return tx.QueryRow(ctx, "select $1::int", 1).Scan(&one)
			}); err != nil {
				return err
			}
		}
		return nil
	})
	var refusal *Refusal
	if errors.As(refusalOf(err), &refusal) {
		switch refusal.Code {
		case "08P01", "26000", "42P05":
			return &UnsupportedServerError{Got: refusal.err.Error(), Fix: refusal.Fix}
		}
	}
	return err
}

// secondConnWait is how long withTwoConns waits for its second connection.
const secondConnWait = 3 * time.Second

// withTwoConns runs f with two connections, or twice the same one if the pool has no second.
func (s *Store) withTwoConns(ctx context.Context, f func(first, second *pgxpool.Conn) error) error {
	return s.withConn(ctx, func(first *pgxpool.Conn) error {
		err := pgx.BeginTxFunc(ctx, first, s.txOptions, func(pgx.Tx) error { return nil }) // opens the connection
		if err != nil {
			s.closeUnusable(ctx, first, err)
			return err
		}
		short, cancel := context.WithTimeout(ctx, secondConnWait)
		defer cancel()
		second, err := s.pool.Acquire(short)
		if err != nil {
			return f(first, first)
		}
		defer second.Release()
		if err := pgx.BeginTxFunc(short, second, s.txOptions, func(pgx.Tx) error { return nil }); err != nil {
			return f(first, first) // a pooler in session mode has no server connection left
		}
		return f(first, second)
	})
}

// findPooler returns the mode of a connection pooler in front of the server, "" for none. A
// pooler reports a process ID of its own to each client, and in transaction mode it lets several
// clients share a server connection.
func (s *Store) findPooler(ctx context.Context) (mode string, err error) {
	err = s.withTwoConns(ctx, func(first, second *pgxpool.Conn) error {
		const rounds = 5
		seen := map[uint32]*pgxpool.Conn{}
		latest := map[*pgxpool.Conn]uint32{}
		for range rounds {
			for _, conn := range []*pgxpool.Conn{first, second} {
				pid, err := serverPid(ctx, conn.Conn())
				if err != nil {
					return err
				}
				if pid == conn.Conn().PgConn().PID() {
					return nil
				}
				last, known := latest[conn]
				if other := seen[pid]; other != nil && other != conn || known && last != pid {
					mode = "transaction"
					return nil
				}
				seen[pid], latest[conn] = conn, pid
			}
		}
		mode = "session"
		return nil
	})
	return mode, err
}
