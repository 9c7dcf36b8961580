package main

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
)

// schema creates the tables of this program: processed events and the result of its work. Here
// the work is a journal of changes; replace the table and workOn with yours.
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

// workOn processes each row that a run changed, in the transaction. A row that a later run
// changed again has the number of that run, whose outcome follows.
func (db *databases) workOn(ctx context.Context, tx pgx.Tx, o outcome, entity string) (int64, error) {
	table := pgx.Identifier{"raw", "st_" + entity}.Sanitize()
	rows, err := db.copy.Query(ctx, "select st_id::text, deleted_at is not null, full_data from "+table+
		" where tenant_id = $1 and run_number = $2 order by st_id", o.Data.TenantID, o.Data.RunNumber)
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
