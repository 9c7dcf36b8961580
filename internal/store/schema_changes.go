package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Two triggers of each table of records write what a run changes to raw.changes, in the transaction of
// the page. They are triggers of statements with transition tables, so that no statement that writes
// rows is without them. PostgreSQL copies the rows of a statement for such triggers even if they do
// nothing, so that they exist only while Options.Changes is set.

const (
	// changesSetting is the setting in which a transaction declares the run that it writes for, or
	// changesOfLoad. The transactions of other programs do not have it.
	changesSetting = "lazisync.changes"

	// changesOfLoad declares a first full read. Its rows are not recorded.
	changesOfLoad = "load"
)

// changesTriggers are the names of the triggers.
var changesTriggers = []string{"changes_insert", "changes_update"}

// changesTriggersSQL lists the tables with the number of their triggers that fire.
const changesTriggersSQL = `
	select c.relname::text, count(*) filter (where t.tgenabled in ('O', 'A'))
	from pg_trigger t join pg_class c on c.oid = t.tgrelid
	where c.relnamespace = to_regnamespace($1) and t.tgname = any($2)
	group by 1 order by 1`

// mismatchedTriggers lists the tables whose triggers do not match Options.Changes, with their schema.
func (s *Store) mismatchedTriggers(ctx context.Context, q ddl.Querier) (tables []string, err error) {
	firing := map[string]int{}
	var table string
	var triggers int
	_, err = pgx.ForEachRow(query(ctx, q, changesTriggersSQL, ddl.Schema, changesTriggers), []any{&table, &triggers}, func() error {
		firing[table] = triggers
		if !s.changes {
			tables = append(tables, ddl.Schema+"."+table)
		}
		return nil
	})
	if err != nil || !s.changes {
		return tables, err
	}
	for _, e := range s.entities {
		if firing[e.Table()] < len(changesTriggers) {
			tables = append(tables, tableName(e))
		}
	}
	return tables, nil
}

// MismatchedTriggers lists the tables whose changes are not recorded although Options.Changes is set, or
// are recorded although it is not.
func (s *Store) MismatchedTriggers(ctx context.Context) ([]string, error) {
	return readValue(ctx, s, "check the triggers of raw.changes", func(q ddl.Querier) ([]string, error) { return s.mismatchedTriggers(ctx, q) })
}

// applyChanges creates the triggers, or drops them, as Options.Changes says. Each table is changed in a
// transaction of its own, so that it is locked only briefly.
func (s *Store) applyChanges(ctx context.Context) (applied []string, err error) {
	var tables []string
	err = s.step(ctx, func(tx pgx.Tx) (err error) {
		tables, err = s.mismatchedTriggers(ctx, tx)
		return err
	})
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	change, done := dropChangesTriggers, "tables whose changes are no longer recorded"
	if s.changes {
		change, done = createChangesTriggers, "tables whose changes are recorded"
	}
	for _, table := range tables {
		err := s.retryLocked(ctx, table, func() error {
			return s.stepWith(ctx, settings{"lock_timeout": lockWait}, func(tx pgx.Tx) error { return change(ctx, tx, table) })
		})
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", table, err)
		}
	}
	return []string{fmt.Sprintf("%s: %d", done, len(tables))}, nil
}

// createChangesTriggers begins the recording of the changes of a table. Runs that have begun to read it have no
// count of changes, because some may be missing.
func createChangesTriggers(ctx context.Context, tx pgx.Tx, table string) error {
	return ddl.ExecAll(ctx, tx, []string{
		"create or replace trigger changes_insert after insert on " + table +
			" referencing new table as new_rows for each statement execute function raw.record_changes()",
		"create or replace trigger changes_update after update on " + table +
			" referencing old table as old_rows new table as new_rows for each statement execute function raw.record_changes()",
	})
}

// dropChangesTriggers ends the recording of the changes of a table. Runs that are reading it lose
// their counts of changes. The lock comes first: beginChanges waits for it.
func dropChangesTriggers(ctx context.Context, tx pgx.Tx, table string) error {
	return ddl.ExecAll(ctx, tx, []string{
		"lock table " + table + " in access exclusive mode",
		"update raw.sync_cursors set changes = null where table_name = " + quoteLiteral(table) + " and status = '' and changes is not null",
		"drop trigger if exists changes_insert on " + table,
		"drop trigger if exists changes_update on " + table,
	})
}

// beginChanges returns the number of changes with which a position begins, nil if they are not recorded:
// 1 for a load, of which raw.changes has one row for the whole table. The transaction inserts the position,
// and migrate cannot drop the triggers before it ends.
func beginChanges(ctx context.Context, tx pgx.Tx, target ledger.Target, loads bool) (*int64, error) {
	if target.Mode.Info().ReadOnly {
		return nil, nil
	}
	table := tableName(target.Entity)
	if records, err := recordsChanges(ctx, tx, table); err != nil || !records {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "lock table "+table+" in access share mode"); err != nil {
		return nil, err
	}
	if records, err := recordsChanges(ctx, tx, table); err != nil || !records {
		return nil, err
	}
	var changes int64
	if loads {
		changes = 1
		_, err := tx.Exec(ctx, "insert into raw.changes (run_number, tenant_id, changed_at, table_name, op) values ($1, $2, clock_timestamp(), $3, 'load')",
			target.Run.Number, target.TenantID, table)
		if err != nil {
			return nil, err
		}
	}
	return &changes, nil
}

// recordsChanges reports whether the changes of a table are recorded.
func recordsChanges(ctx context.Context, q ddl.Querier, table string) (records bool, err error) {
	err = q.QueryRow(ctx, `select count(*) = $3 from pg_trigger where tgrelid = to_regclass($1) and tgname = any($2) and tgenabled in ('O', 'A')`,
		table, changesTriggers, len(changesTriggers)).Scan(&records)
	return records, err
}
