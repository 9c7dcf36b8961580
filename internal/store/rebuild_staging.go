package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// stagingSchema is the schema of the staging tables of rebuilds and verifies. Readers have access to schema raw
// and must not see a half-filled table.
const stagingSchema = "raw_rebuild"

// stagingTable returns the table that a run loads with the records of an entity. It is created in
// the transaction that creates the position of the run, and dropped at the latest in the one that
// finalizes the run. A rebuild has one table, a verify one for each of its entities.
func stagingTable(t ledger.Target) string {
	name := fmt.Sprintf("%s.run_%d", stagingSchema, t.Run.Number)
	if !t.Mode.Info().OneEntity {
		name += "_" + t.Entity.Name
	}
	return name
}

// diffTable returns the table of ids of rows that differ. That of a rebuild exists only within the
// transaction that applies its staging table.
func diffTable(staging string) string { return staging + "_diff" }

// privilegeError reports that the database user of the roles cannot create a staging table. It is
// permanent, so that the run fails at once.
type privilegeError struct{ error }

func (e privilegeError) Unwrap() error { return e.error }
func (privilegeError) Permanent() bool { return true }
func (privilegeError) Type() string    { return "StoreError" }
func (e privilegeError) Error() string {
	return fmt.Sprintf("%s; a rebuild or verify creates a table: grant usage, create on schema %s to the user of the roles", e.error, stagingSchema)
}

func createStagingTable(ctx context.Context, tx pgx.Tx, target ledger.Target) error {
	if err := dropLeftoverStaging(ctx, tx); err != nil {
		return err
	}
	name := stagingTable(target)
	err := ddl.ExecAll(ctx, tx, []string{defineTable(name, target.Entity), compressSQL(name)})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return privilegeError{err}
	}
	return err
}

// withStagedColumns returns the entity with only those typed columns that the staging table has: a
// build with other columns may have created it. A build without fingerprints creates no column for
// them, which is added.
func withStagedColumns(ctx context.Context, tx pgx.Tx, e entity.Entity, staging string) (entity.Entity, error) {
	present, err := pgx.CollectRows(query(ctx, tx, ddl.ColumnNamesSQL, staging), pgx.RowTo[string])
	if err != nil {
		return e, err
	}
	if !slices.Contains(present, fingerprintColumn) {
		if _, err := tx.Exec(ctx, "alter table "+staging+" add column "+fingerprintColumn+" "+fingerprintType); err != nil {
			return e, err
		}
	}
	e.Columns = slices.DeleteFunc(slices.Clone(e.Columns), func(c entity.Column) bool { return !slices.Contains(present, c.Name) })
	return e, nil
}

// dropStagingTables drops the staging tables of a run if possible.
func dropStagingTables(ctx context.Context, tx pgx.Tx, run int64) error {
	names, err := pgx.CollectRows(query(ctx, tx, `
		select relname::text from pg_class
		where relnamespace = to_regnamespace($1) and relkind = 'r' and relname ~ ('^run_' || $2::bigint || '(_|$)')`, stagingSchema, run), pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return err
	}
	for i, name := range names {
		names[i] = stagingSchema + "." + ddl.Quote(name)
	}
	return dropIfPossible(ctx, tx, names...)
}

// dropIfPossible drops tables, all or none. Neither a session that reads one, such as a backup, nor a
// bridge whose user may not drop the table of a worker must keep the run from being finalized.
// DropStagingTables, or the next run that creates a staging table, drops them later.
func dropIfPossible(ctx context.Context, tx pgx.Tx, tables ...string) error {
	var lockTimeout string
	if err := tx.QueryRow(ctx, "select current_setting('lock_timeout')").Scan(&lockTimeout); err != nil {
		return err
	}
	restore := "set local lock_timeout = " + quoteLiteral(lockTimeout)
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		_, err := savepoint.Exec(ctx, "set local lock_timeout = '1s'; drop table if exists "+strings.Join(tables, ", ")+"; "+restore)
		return err
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "55P03" || pg.Code == "42501") {
		return nil
	}
	return err
}

// leftoverStagingRuns lists runs that are not running and whose staging tables the user may drop.
func leftoverStagingRuns(ctx context.Context, q ddl.Querier) ([]int64, error) {
	return pgx.CollectRows(query(ctx, q, `
		select distinct staging.run from (
			select substring(relname from '^run_([0-9]{1,18})(?:_|$)')::bigint as run from pg_class
			where relnamespace = to_regnamespace($1) and relkind = 'r' and relname ~ '^run_[0-9]{1,18}(_|$)' and pg_has_role(relowner, 'usage')) staging
		left join raw.sync_runs r on r.run_number = staging.run
		where r.state is distinct from $2`, stagingSchema, string(ledger.Running)), pgx.RowTo[int64])
}

func dropLeftoverStaging(ctx context.Context, tx pgx.Tx) error {
	runs, err := leftoverStagingRuns(ctx, tx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := dropStagingTables(ctx, tx, run); err != nil {
			return err
		}
	}
	return nil
}

// DropStagingTables drops the staging tables of runs that are not running and returns of how many
// runs. There are none unless one could not be dropped when its run was finalized.
func (s *Store) DropStagingTables(ctx context.Context) (dropped int, err error) {
	var before, after []int64
	err = s.read(ctx, "list staging tables", func(q ddl.Querier) error {
		before, err = leftoverStagingRuns(ctx, q)
		return err
	})
	if err != nil || len(before) == 0 {
		return 0, err
	}
	err = s.transact(ctx, "drop staging tables", func(tx pgx.Tx) error {
		if err := dropLeftoverStaging(ctx, tx); err != nil {
			return err
		}
		after, err = leftoverStagingRuns(ctx, tx)
		return err
	})
	return len(before) - len(after), err
}
