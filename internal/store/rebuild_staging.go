package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// sideSchema holds the side tables of rebuilds. It is not schema raw, into which
// readers are let: nobody but lazisync sees a table that is half full.
const sideSchema = "raw_rebuild"

// sideTable is the table that a rebuild loads into. It is made in the transaction that
// makes the run's position, and dropped in the one that decides the run.
func sideTable(run int64) string { return fmt.Sprintf("%s.run_%d", sideSchema, run) }

// amissTable lists, within the transaction that applies a side table, the rows to mend.
func amissTable(side string) string { return side + "_amiss" }

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
	if err := dropLeftovers(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, defineTable(sideTable(run), e))
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		return noPrivilege{err}
	}
	return err
}

// loadable is the entity with those typed columns alone that a side table has: another
// build, with other columns, may have made it.
func loadable(ctx context.Context, tx pgx.Tx, e entity.Entity, side string) (entity.Entity, error) {
	rows, err := tx.Query(ctx, ddl.ColumnNamesSQL, side)
	if err != nil {
		return e, err
	}
	present, err := pgx.CollectRows(rows, pgx.RowTo[string])
	e.Columns = slices.DeleteFunc(slices.Clone(e.Columns), func(c entity.Column) bool { return !slices.Contains(present, c.Name) })
	return e, err
}

// dropSideTable drops a run's side table if it can: neither somebody who looks at it, a
// backup perhaps, nor a bridge whose user may not drop what a worker made must keep the
// run from being decided. What is left then, DropStagingTables or the next rebuild finds.
func dropSideTable(ctx context.Context, tx pgx.Tx, run int64) error {
	var before string
	if err := tx.QueryRow(ctx, "select current_setting('lock_timeout')").Scan(&before); err != nil {
		return err
	}
	again := "set local lock_timeout = " + quoteLiteral(before)
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		_, err := savepoint.Exec(ctx, "set local lock_timeout = '1s'; drop table if exists "+sideTable(run)+"; "+again)
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "42501") {
		return nil
	}
	return err
}

// leftovers lists the runs whose side tables are ours to drop, and that are over.
func leftovers(ctx context.Context, q ddl.Querier) ([]int64, error) {
	rows, err := q.Query(ctx, `
		select side.run from (
			select substr(relname, 5)::bigint as run from pg_class
			where relnamespace = to_regnamespace($1) and relkind = 'r' and relname ~ '^run_[0-9]{1,18}$' and pg_has_role(relowner, 'usage')) side
		left join raw.sync_runs r on r.run_number = side.run
		where r.state is distinct from $2`, sideSchema, string(ledger.Running))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

func dropLeftovers(ctx context.Context, tx pgx.Tx) error {
	left, err := leftovers(ctx, tx)
	if err != nil {
		return err
	}
	for _, run := range left {
		if err := dropSideTable(ctx, tx, run); err != nil {
			return err
		}
	}
	return nil
}

// DropStagingTables drops the side tables of rebuilds that are over, and says how many it
// dropped. There are none but where one could not be dropped as its run was decided.
func (s *Store) DropStagingTables(ctx context.Context) (dropped int, err error) {
	var before, after []int64
	err = s.read(ctx, "list side tables", func(q ddl.Querier) error {
		before, err = leftovers(ctx, q)
		return err
	})
	if err != nil || len(before) == 0 {
		return 0, err
	}
	err = s.transact(ctx, "drop side tables", func(tx pgx.Tx) error {
		if err := dropLeftovers(ctx, tx); err != nil {
			return err
		}
		after, err = leftovers(ctx, tx)
		return err
	})
	return len(before) - len(after), err
}
