package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// CheckSupported returns an *UnsupportedServerError error where the database, or a pooler in front of
// it, can never serve lazisync as configured, and any other error where it cannot be asked.
func (s *Store) CheckSupported(ctx context.Context) error {
	// Two connections run one statement in turn: a pooler that does not keep prepared
	// statements gives both the same connection to the server.
	err := s.twice(ctx, func(first, second *pgxpool.Conn) error {
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

// Of one connection there is the second only where the pool has room.
const secondConn = 3 * time.Second

// twice runs f with two connections, or with one twice where no second can be had.
func (s *Store) twice(ctx context.Context, f func(first, second *pgxpool.Conn) error) error {
	return s.acquired(ctx, func(first *pgxpool.Conn) error {
		err := pgx.BeginTxFunc(ctx, first, s.txOptions, func(pgx.Tx) error { return nil }) // connected, and able to
		if err != nil {
			s.dropUseless(ctx, first, err)
			return err
		}
		short, cancel := context.WithTimeout(ctx, secondConn)
		defer cancel()
		second, err := s.pool.Acquire(short)
		if err != nil {
			return f(first, first)
		}
		defer second.Release()
		if err := pgx.BeginTxFunc(short, second, s.txOptions, func(pgx.Tx) error { return nil }); err != nil {
			return f(first, first) // a pooler in session mode has no connection to the server left
		}
		return f(first, second)
	})
}

// findPooler says in which mode a connection pooler is between client and server, ""
// where there is none. A pooler gives each client a process number of its own, and in
// transaction mode several clients the same connection to the server.
func (s *Store) findPooler(ctx context.Context) (mode string, err error) {
	serverPid := func(conn *pgxpool.Conn) (pid uint32, err error) {
		err = conn.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
		return pid, err
	}
	err = s.twice(ctx, func(first, second *pgxpool.Conn) error {
		const rounds = 5
		seen := map[uint32]*pgxpool.Conn{}
		of := map[*pgxpool.Conn]uint32{}
		for range rounds {
			for _, conn := range []*pgxpool.Conn{first, second} {
				pid, err := serverPid(conn)
				if err != nil {
					return err
				}
				if pid == conn.Conn().PgConn().PID() {
					return nil
				}
				last, known := of[conn]
				if other := seen[pid]; other != nil && other != conn || known && last != pid {
					mode = "transaction"
					return nil
				}
				seen[pid], of[conn] = conn, pid
			}
		}
		mode = "session"
		return nil
	})
	return mode, err
}
