package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// pruneBatch is the maximum number of rows that one transaction of Prune deletes, so that it stays
// within statement_timeout.
const pruneBatch = 1000

// pruneSteps delete at most $2 old rows each. Runs without an outcome, or with one that is not
// published, are kept. A run is deleted with its requests and cursors.
var pruneSteps = []string{`
	with old as (
		select run_number from raw.sync_runs
		where finished_at < clock_timestamp() - $1::interval and published_at is not null
		order by run_number limit $2 for update),
	requests as (delete from raw.sync_requests q using old where q.run_number = old.run_number)
	delete from raw.sync_runs r using old where r.run_number = old.run_number`, `
	delete from raw.sync_controls where control_id in (
		select control_id from raw.sync_controls
		where state <> 'pending' and settled_at < clock_timestamp() - $1::interval limit $2)`, `
	delete from raw.rejected_records where ctid in (
		select ctid from raw.rejected_records where rejected_at < clock_timestamp() - $1::interval limit $2)`, `
	delete from raw.sync_outages where outage_id in (
		select outage_id from raw.sync_outages
		where closed_at < clock_timestamp() - $1::interval and fresh_published_at is not null limit $2)`, `
	delete from raw.sync_dead_letters where (sequence, rejected_at) in (
		select sequence, rejected_at from raw.sync_dead_letters
		where rejected_at < clock_timestamp() - greatest($1::interval, interval '31 days') limit $2)`, `
	delete from raw.sync_audit where number in (
		select number from raw.sync_audit where at < clock_timestamp() - $1::interval limit $2)`, `
	delete from raw.sync_seen where ctid in (
		select s.ctid from raw.sync_seen s left join raw.sync_runs r using (run_number)
		where coalesce(r.state, '') <> 'running' and $1::interval is not null limit $2)`,
}

// Prune deletes what ended or was recorded longer ago than keep: runs with a published outcome and their requests,
// settled controls, rejected records, audit entries, closed outages and what was done with dead letters. It returns
// the number of deleted rows, without the requests.
func (s *Store) Prune(ctx context.Context, keep time.Duration) (deleted int64, err error) {
	for _, step := range pruneSteps {
		rows, err := s.prune(ctx, "prune the ledger", step, keep, pruneBatch)
		deleted += rows
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

// pruneChangesBatch is the maximum number of rows that one transaction of PruneChanges deletes. They are
// small, and neighbours.
const pruneChangesBatch = 10_000

// pruneChangesStep deletes those of the first $2 changes, by run, that are older than $1. So it needs no
// index of their age, and reads no more rows than it deletes. It stops at a run that has lasted so long
// that its changes are younger; later runs wait for it.
const pruneChangesStep = `
	delete from raw.changes where ctid = any (array(
		select ctid from (select ctid, changed_at from raw.changes order by run_number, table_name, number limit $2) first
		where changed_at < clock_timestamp() - $1::interval))`

// PruneChanges deletes rows of raw.changes that are older than keep and returns their number.
func (s *Store) PruneChanges(ctx context.Context, keep time.Duration) (deleted int64, err error) {
	return s.prune(ctx, "prune the changes", pruneChangesStep, keep, pruneChangesBatch)
}

// prune repeats a statement that deletes up to batch rows until it deletes fewer.
func (s *Store) prune(ctx context.Context, what, step string, keep time.Duration, batch int64) (deleted int64, err error) {
	for {
		var rows int64
		err := s.transact(ctx, what, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, step, keep, batch)
			rows = tag.RowsAffected()
			return err
		})
		if err != nil {
			return deleted, err
		}
		deleted += rows
		if rows < batch {
			return deleted, nil
		}
	}
}
