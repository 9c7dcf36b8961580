package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
)

// schema creates the tables of this program: processed events and the results of its work. Here
// the work is a journal, of rows and of recorded changes; replace the tables, processRows and
// processChanges with yours.
const schema = `
create schema if not exists downstream;
create table if not exists downstream.done (
	source text not null,
	id text not null,
	done_at timestamptz not null default now(),
	primary key (source, id)
);
create table if not exists downstream.changes (
	tenant_id text not null,
	entity text not null,
	st_id text not null,
	run_number bigint not null,
	deleted boolean not null,
	record jsonb not null
);
create table if not exists downstream.history (
	tenant_id text not null,
	entity text not null,
	run_number bigint not null,
	number bigint not null,
	st_id text not null,
	op text not null,
	fields text[] not null
);`

// databases are lazisync's database, which this program only reads, and its own. They may be
// the same.
type databases struct {
	copy *pgx.Conn
	work *pgx.Conn
}

func openDatabases(ctx context.Context) (*databases, error) {
	lazisync := os.Getenv("DATABASE_URL")
	copied, err := pgx.Connect(ctx, lazisync)
	if err != nil {
		return nil, fmt.Errorf("connect to DATABASE_URL: %w", err)
	}
	db := &databases{copy: copied}
	if db.work, err = pgx.Connect(ctx, cmp.Or(os.Getenv("WORK_DATABASE_URL"), lazisync)); err != nil {
		db.close()
		return nil, fmt.Errorf("connect to WORK_DATABASE_URL: %w", err)
	}
	if _, err := db.work.Exec(ctx, schema); err != nil {
		db.close()
		return nil, fmt.Errorf("create the tables of this program: %w", err)
	}
	return db, nil
}

func (db *databases) close() {
	for _, conn := range []*pgx.Conn{db.copy, db.work} {
		if conn != nil {
			_ = conn.Close(context.Background()) // the process ends
		}
	}
}

// markDone records an event as processed. It returns false if it was processed before. Source
// and id identify an event.
func markDone(ctx context.Context, tx pgx.Tx, o outcome) (first bool, err error) {
	tag, err := tx.Exec(ctx, "insert into downstream.done (source, id) values ($1, $2) on conflict do nothing", o.Source, o.ID)
	if err != nil {
		return false, fmt.Errorf("mark event %s as done: %w", o.ID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// workOn processes what a run did to an entity, in the transaction, and returns a text about it, ""
// if it did nothing.
func (db *databases) workOn(ctx context.Context, tx pgx.Tx, o outcome, r result) (string, error) {
	if r.Inserted+r.Updated+r.Deleted == 0 && (r.Changes == nil || *r.Changes == 0) {
		return "", nil
	}
	if r.Changes != nil {
		found, isLoad, err := db.countChanges(ctx, o, r.Entity)
		switch {
		case err != nil:
			return "", err
		case isLoad: // the first full read of the table, of which raw.changes has this one row
			n, err := db.processRows(ctx, tx, o, r.Entity, "")
			return fmt.Sprintf("loaded, %d rows copied", n), err
		case found == *r.Changes:
			n, err := db.processChanges(ctx, tx, o, r.Entity)
			if err == nil && n != found {
				err = errors.New("changes were deleted while they were read") // redelivered, and then seen
			}
			return fmt.Sprintf("%d changes", n), err
		}
		// Some are older than SYNC_CHANGES_KEEP and were deleted.
	}
	n, err := db.processRows(ctx, tx, o, r.Entity, fmt.Sprintf(" and run_number = %d", o.Data.RunNumber))
	return fmt.Sprintf("%d rows changed", n), err
}

// countChanges returns the number of changes that a run recorded, and whether it loaded the table.
func (db *databases) countChanges(ctx context.Context, o outcome, entity string) (found int64, isLoad bool, err error) {
	err = db.copy.QueryRow(ctx, "select count(*), coalesce(bool_or(op = 'load'), false) from raw.changes where run_number = $1 and table_name = $2",
		o.Data.RunNumber, "raw.st_"+entity).Scan(&found, &isLoad)
	return found, isLoad, err
}

// processChanges processes each change that a run recorded, in their order.
func (db *databases) processChanges(ctx context.Context, tx pgx.Tx, o outcome, entity string) (int64, error) {
	rows, err := db.copy.Query(ctx, "select st_id, op, changed_fields from raw.changes where run_number = $1 and table_name = $2 order by number",
		o.Data.RunNumber, "raw.st_"+entity)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var number int64
	return tx.CopyFrom(ctx, pgx.Identifier{"downstream", "history"},
		[]string{"tenant_id", "entity", "run_number", "number", "st_id", "op", "fields"},
		pgx.CopyFromFunc(func() ([]any, error) {
			if !rows.Next() {
				return nil, rows.Err()
			}
			var (
				id, op string
				fields []string
			)
			if err := rows.Scan(&id, &op, &fields); err != nil {
				return nil, err
			}
			number++
			return []any{o.Data.TenantID, entity, o.Data.RunNumber, number, id, op, fields}, nil
		}))
}

// processRows processes each row of the tenant that meets a condition. A row that a later run
// changed again has the number of that run, whose outcome follows.
func (db *databases) processRows(ctx context.Context, tx pgx.Tx, o outcome, entity, condition string) (int64, error) {
	table := pgx.Identifier{"raw", "st_" + entity}.Sanitize()
	rows, err := db.copy.Query(ctx, "select st_id::text, deleted_at is not null, full_data from "+table+
		" where tenant_id = $1"+condition+" order by st_id", o.Data.TenantID)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	return tx.CopyFrom(ctx, pgx.Identifier{"downstream", "changes"},
		[]string{"tenant_id", "entity", "st_id", "run_number", "deleted", "record"},
		pgx.CopyFromFunc(func() ([]any, error) {
			if !rows.Next() {
				return nil, rows.Err()
			}
			var (
				id      string
				deleted bool
				record  []byte
			)
			if err := rows.Scan(&id, &deleted, &record); err != nil {
				return nil, err
			}
			return []any{o.Data.TenantID, entity, id, o.Data.RunNumber, deleted, record}, nil
		}))
}
