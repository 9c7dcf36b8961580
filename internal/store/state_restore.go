package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

const namespaceSQL = "select id from raw.temporal_namespace"

// Namespace returns the ID of the Temporal namespace of the ledger, "" if none is recorded.
func (s *Store) Namespace(ctx context.Context) (id string, err error) {
	err = s.read(ctx, "read the Temporal namespace", func(q ddl.Querier) error {
		err := q.QueryRow(ctx, namespaceSQL).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return id, err
}

// RecordNamespace records the Temporal namespace of the ledger if none is recorded, and returns the
// ID of the recorded one.
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

// AcceptNamespace replaces the recorded Temporal namespace and returns the ID of the former one, ""
// if none was recorded.
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
			"the ledger was moved from namespace id %s to %s; runs that were open have failed as Terminated", former, id))
	})
	return former, err
}

// RaiseRunNumbers makes the next run number higher than a run number of the event stream. It
// returns the last number that was given before, and whether the ledger was behind the stream,
// because PostgreSQL was restored to an earlier state or recreated.
func (s *Store) RaiseRunNumbers(ctx context.Context, inStream int64) (given int64, raised bool, err error) {
	err = s.transact(ctx, fmt.Sprintf("raise run numbers above %d", inStream), func(tx pgx.Tx) error {
		given, raised = 0, false
		var before *int64
		if err := tx.QueryRow(ctx, "select raw.raise_run_numbers($1)", inStream).Scan(&before); err != nil || before == nil {
			return err
		}
		given, raised = *before, true
		return noteRestore(ctx, tx, "postgresql", fmt.Sprintf(
			"the last run of the ledger was %d and the event stream has run %d: PostgreSQL was restored to an earlier state; new run numbers are higher",
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

// LatestServed returns the request of the latest run, among those received within an age in a
// message and started in Temporal; nil if there is none.
func (s *Store) LatestServed(ctx context.Context, within time.Duration) (request *ledger.Request, err error) {
	err = s.read(ctx, "find the latest request", func(q ddl.Querier) error {
		var r ledger.Request
		request = nil
		err := q.QueryRow(ctx, `select request_id, message, workflow_id, first_run_id, received_at from raw.sync_requests
			where run_number is not null and message <> '' and first_run_id <> '' and received_at > clock_timestamp() - $1::interval
			order by run_number desc limit 1`, within).Scan(&r.ID, &r.Message, &r.WorkflowID, &r.FirstRunID, &r.ReceivedAt)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		request = &r
		return err
	})
	if err != nil {
		return nil, err
	}
	return request, nil
}

// IsReceived reports whether a request has the place of a message. ForgetMessages removes it.
func (s *Store) IsReceived(ctx context.Context, requestID, message string) (bool, error) {
	return readValue(ctx, s, "look up a request", func(q ddl.Querier) (has bool, err error) {
		err = q.QueryRow(ctx, "select exists (select from raw.sync_requests where request_id = $1 and message = $2)", requestID, message).Scan(&has)
		return has, err
	})
}

// RecordRestore records that a server was restored to an earlier state. It returns false if a
// restore of it was recorded after a time.
func (s *Store) RecordRestore(ctx context.Context, server, detail string, after time.Time) (recorded bool, err error) {
	err = s.transact(ctx, "record a restore", func(tx pgx.Tx) error {
		did, err := tx.Exec(ctx, `insert into raw.sync_restores (part, detail)
			select $1, $2 where not exists (select from raw.sync_restores where part = $1 and found_at > $3)
			on conflict do nothing`, server, text(detail), after)
		recorded = did.RowsAffected() > 0
		return err
	})
	return recorded, err
}

// Restores lists the signs that were found within a time, newest first.
func (s *Store) Restores(ctx context.Context, within time.Duration) ([]Restore, error) {
	return readRows(ctx, s, "list restores", pgx.RowToStructByPos[Restore], `select found_at, part, detail from raw.sync_restores
		where found_at > clock_timestamp() - $1::interval order by found_at desc`, within)
}
