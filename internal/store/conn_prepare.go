package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Statements are prepared on the server, which then plans each of them once per connection and not at
// each use. A pooler may give each transaction another connection to the server, where a statement is
// not prepared, so that behind a pooler nothing is prepared.

// errPooled reports that a new connection leads to a pooler. The next connection prepares nothing.
var errPooled = errors.New("the connection leads to a pooler")

// preparedStatements is the maximum number of statements that each connection keeps prepared, unless
// the URL has statement_cache_capacity. With its plan, each needs some 100 kB in the server.
const preparedStatements = 100

// beforeConnect chooses the execution mode of a new connection.
func (s *Store) beforeConnect(_ context.Context, cfg *pgx.ConnConfig) error {
	if s.pooled.Load() {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		useModeWithoutCache(cfg)
	}
	return nil
}

// checkDirect returns errPooled if a connection that would prepare statements leads to a pooler: it
// reports a process ID of its own.
func (s *Store) checkDirect(ctx context.Context, conn *pgx.Conn) error {
	if !s.mayPrepare || conn.Config().DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return nil
	}
	if s.pooled.Load() { // since this connection was begun
		return errPooled
	}
	ctx, cancel := context.WithTimeout(ctx, s.connectTimeout) // the pool sets none
	defer cancel()
	pid, err := serverPid(ctx, conn)
	switch {
	case err != nil:
		return err
	case pid == conn.PgConn().PID():
		return nil
	}
	s.pooled.Store(true)
	return errPooled
}

// manyValues is the number of values from which planning a statement costs little beside its execution.
const manyValues = 200

// planForMany has PostgreSQL plan the following statements of a transaction that writes for their values, if
// an array of them has many. A plan that is reused assumes ten, and a table as it was when the plan was made,
// perhaps empty: it may compare each value with each row.
func planForMany(ctx context.Context, tx pgx.Tx, values int) error {
	if values < manyValues {
		return nil
	}
	_, err := tx.Exec(ctx, "set local plan_cache_mode = force_custom_plan")
	return err
}

// serverPid returns the ID of the process that serves a connection.
func serverPid(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid, err
}

// stopPreparing ends the use of prepared statements after an error that says that the server has
// lost one, or has one of somebody else: a pooler can report the process ID of the server.
func (s *Store) stopPreparing(err *pgconn.PgError) {
	if s.mayPrepare && (err.Code == "26000" || err.Code == "42P05") && !s.pooled.Swap(true) {
		s.log.Info().Str("sqlstate", err.Code).Msg("PostgreSQL does not keep prepared statements, continuing without")
		s.pool.Reset()
	}
}
