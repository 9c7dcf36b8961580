package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// sideSchema holds the side tables of rebuilds. It is not schema raw, into which
// readers are let: nobody but lazisync sees a table that is half full.
const sideSchema = "raw_rebuild"

// sideTable is the table that a rebuild loads into. It is made in the transaction that
// makes the run's position, and dropped in the one that decides the run.
func sideTable(run int64) string { return fmt.Sprintf("%s.run_%d", sideSchema, run) }

// noPrivilege says what the roles' database user lacks. It is permanent: who asked for
// the rebuild is told at once.
type noPrivilege struct{ error }

func (e noPrivilege) Unwrap() error { return e.error }
func (noPrivilege) Permanent() bool { return true }
func (noPrivilege) Type() string    { return "StoreError" }
func (e noPrivilege) Error() string {
	return fmt.Sprintf("%s; a rebuild makes a table: grant usage, create on schema %s to the user of the roles", e.error, sideSchema)
}

func createSideTable(ctx context.Context, tx pgx.Tx, run int64, e entity.Entity) error {
	_, err := tx.Exec(ctx, defineTable(sideTable(run), e))
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		return noPrivilege{err}
	}
	return err
}

// dropSideTable drops a run's side table, if it can be had at once: somebody who looks
// at it, a backup perhaps, must not keep the run from being decided. What is left then,
// DropSideTables finds.
func dropSideTable(ctx context.Context, tx pgx.Tx, run int64) error {
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		_, err := savepoint.Exec(ctx, "set local lock_timeout = '1s'; drop table if exists "+sideTable(run)+"; set local lock_timeout to default")
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" {
		return nil
	}
	return err
}

// DropSideTables drops the side tables of rebuilds that are over, and says how many it
// dropped. There are none but where somebody held one as its run was decided.
func (s *Store) DropSideTables(ctx context.Context) (dropped int, err error) {
	var left []string
	err = s.read(ctx, "list side tables", func(q querier) error {
		rows, err := q.Query(ctx, `
			select c.relname::text from pg_class c
			left join raw.sync_runs r on c.relname = 'run_' || r.run_number
			where c.relnamespace = to_regnamespace($1) and c.relkind = 'r' and c.relname ~ '^run_[0-9]+$'
			and r.state is distinct from $2`, sideSchema, string(ledger.Running))
		if err != nil {
			return err
		}
		left, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, name := range left {
		err := s.transact(ctx, "drop side table "+name, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "drop table if exists "+sideSchema+"."+pgx.Identifier{strings.TrimSpace(name)}.Sanitize())
			return err
		})
		if err != nil {
			return dropped, err
		}
		dropped++
	}
	return dropped, nil
}
