package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/store/ddl"
)

const namespaceSQL = "select id from raw.temporal_namespace"

// Namespace returns the ID of the Temporal namespace that the ledger belongs to, "" while
// it belongs to none.
func (s *Store) Namespace(ctx context.Context) (id string, err error) {
	err = s.read(ctx, "look up the Temporal namespace", func(q ddl.Querier) error {
		err := q.QueryRow(ctx, namespaceSQL).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return id, err
}

// RecordNamespace returns the ID of the Temporal namespace that the ledger belongs to. While
// it belongs to none, the given one is recorded.
func (s *Store) RecordNamespace(ctx context.Context, id, name string) (held string, err error) {
	if held, err = s.Namespace(ctx); err != nil || held != "" {
		return held, err
	}
	err = s.transact(ctx, "record the Temporal namespace", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into raw.temporal_namespace (id, name) values ($1, $2) on conflict do nothing", id, text(name)); err != nil {
			return err
		}
		return tx.QueryRow(ctx, namespaceSQL).Scan(&held)
	})
	return held, err
}

// AcceptNamespace makes the ledger belong to a Temporal namespace, and returns the ID of
// the one that it belonged to, "" if none was recorded.
func (s *Store) AcceptNamespace(ctx context.Context, id, name string) (former string, err error) {
	err = s.transact(ctx, "accept the Temporal namespace", func(tx pgx.Tx) error {
		former = ""
		err := tx.QueryRow(ctx, "delete from raw.temporal_namespace returning id").Scan(&former)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(ctx, "insert into raw.temporal_namespace (id, name) values ($1, $2)", id, text(name)); err != nil {
			return err
		}
		if former == "" || former == id {
			return nil
		}
		return noteRestore(ctx, tx, "temporal", fmt.Sprintf(
			"the ledger was taken over from namespace id %s to %s; the runs that were open ended as failed, Terminated", former, id))
	})
	return former, err
}

// RaiseRunNumbers makes the next run number higher than one that the event stream has. It
// returns the last number that was given before, and whether anything had to be done: the
// ledger is then behind the stream, because it was restored to an earlier state or made anew.
func (s *Store) RaiseRunNumbers(ctx context.Context, inStream int64) (given int64, raised bool, err error) {
	err = s.transact(ctx, fmt.Sprintf("raise run numbers above %d", inStream), func(tx pgx.Tx) error {
		given, raised = 0, false
		var before *int64
		if err := tx.QueryRow(ctx, "select raw.raise_run_numbers($1)", inStream).Scan(&before); err != nil || before == nil {
			return err
		}
		given, raised = *before, true
		return noteRestore(ctx, tx, "postgresql", fmt.Sprintf(
			"the last run of the ledger was %d, the event stream has run %d: PostgreSQL was restored to an earlier state; new runs begin above",
			given, inStream))
	})
	return given, raised, err
}

// Restore is a sign that PostgreSQL, NATS or Temporal was restored to an earlier state.
type Restore struct {
	FoundAt time.Time
	Part    string
	Detail  string
}

func noteRestore(ctx context.Context, tx pgx.Tx, part, detail string) error {
	_, err := tx.Exec(ctx, "insert into raw.sync_restores (part, detail) values ($1, $2) on conflict do nothing", part, text(detail))
	return err
}

// Restores lists the signs that were found lately, newest first.
func (s *Store) Restores(ctx context.Context, within time.Duration) (found []Restore, err error) {
	err = s.read(ctx, "list restores", func(q ddl.Querier) error {
		rows, err := q.Query(ctx, `select found_at, part, detail from raw.sync_restores
			where found_at > clock_timestamp() - $1::interval order by found_at desc`, within)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Restore])
		return err
	})
	return found, err
}
