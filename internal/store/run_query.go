package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// runColumns are what scanRun reads, of a table named r.
const runColumns = `r.run_number, r.tenant_id, r.mode, r.workflow_id, r.first_run_id, r.pass, r.entities, r.allow_deletes,
	r.state, r.started_at, r.finished_at, r.error, r.reason, r.results, r.published_at is not null`

// requestCount is how many requests a run serves, of a table named r. An index answers.
const requestCount = `, (select count(*) from raw.sync_requests q where q.run_number = r.run_number)`

func scanRun(row pgx.CollectableRow) (ledger.Run, error) {
	return scanRunAnd(row)
}

// scanHeader reads a run and how many requests it serves.
func scanHeader(row pgx.CollectableRow) (ledger.Run, error) {
	var count int
	r, err := scanRunAnd(row, &count)
	r.RequestCount = count
	return r, err
}

func scanRunAnd(row pgx.CollectableRow, more ...any) (ledger.Run, error) {
	var r ledger.Run
	var tenant int64
	var finished *time.Time
	err := row.Scan(append([]any{&r.Number, &tenant, &r.Mode, &r.WorkflowID, &r.FirstRunID, &r.Pass, &r.Entities, &r.AllowDeletes,
		&r.State, &r.StartedAt, &finished, &r.Error, &r.Reason, &r.Results, &r.Published}, more...)...)
	r.TenantID, r.FinishedAt = tenantText(tenant), instant(finished)
	return r, err
}

// queryRuns reads runs with their requests; the results of undecided ones are as far
// as they are.
func queryRuns(ctx context.Context, q ddl.Querier, where string, args ...any) ([]ledger.Run, error) {
	runs, err := queryHeaders(ctx, q, where, args...)
	if err != nil || len(runs) == 0 {
		return runs, err
	}
	requests, err := queryRequests(ctx, q, "where q.run_number = any($1)"+inOrder, numbersOf(runs))
	if err != nil {
		return nil, err
	}
	served := map[int64][]ledger.Request{}
	for _, request := range requests {
		served[request.RunNumber] = append(served[request.RunNumber], request)
	}
	for i := range runs {
		runs[i].Requests = served[runs[i].Number]
	}
	return runs, nil
}

// queryHeaders reads runs without their requests, of which there may be ten thousand.
func queryHeaders(ctx context.Context, q ddl.Querier, where string, args ...any) ([]ledger.Run, error) {
	rows, err := q.Query(ctx, "select "+runColumns+requestCount+" from raw.sync_runs r "+where, args...)
	if err != nil {
		return nil, err
	}
	runs, err := pgx.CollectRows(rows, scanHeader)
	if err != nil || !slices.ContainsFunc(runs, isRunning) {
		return runs, err
	}
	positions, err := positionsOf(ctx, q, numbersOf(slices.DeleteFunc(slices.Clone(runs), func(r ledger.Run) bool { return !isRunning(r) })))
	if err != nil {
		return nil, err
	}
	for i := range runs {
		if r := &runs[i]; isRunning(*r) {
			r.Results = resultsSoFar(r.Entities, positions[r.Number])
		}
	}
	return runs, nil
}

func isRunning(r ledger.Run) bool { return r.State == ledger.Running }

func numbersOf(runs []ledger.Run) []int64 {
	numbers := make([]int64, len(runs))
	for i, r := range runs {
		numbers[i] = r.Number
	}
	return numbers
}

// someRequests are those of the first part of an event, the first that has a traceparent,
// and the first whose source is not that of the others: they say of a run's requests what
// progress events and the sharing of calls need to know.
const someRequests = `
	with ours as (select request_id, source, traceparent, row_number() over (order by received_at, request_id) as n
		from raw.sync_requests where run_number = $1)
	select ` + requestColumns + ` from raw.sync_requests q where q.run_number = $1 and q.request_id in (
		select request_id from ours where n <= $2
		union (select request_id from ours where traceparent <> '' order by n limit 1)
		union (select request_id from ours where source <> (select source from ours where n = 1) order by n limit 1))` + inOrder

// loadRun reads one run.
func loadRun(ctx context.Context, q ddl.Querier, number int64) (ledger.Run, error) {
	runs, err := queryRuns(ctx, q, "where r.run_number = $1", number)
	if err != nil {
		return ledger.Run{}, err
	}
	if len(runs) == 0 {
		return ledger.Run{}, fmt.Errorf("run %d: %w", number, ledger.ErrUnknown)
	}
	return runs[0], nil
}

// headers does what queryHeaders does, on its own.
func (s *Store) headers(ctx context.Context, what, where string, args ...any) (found []ledger.Run, err error) {
	err = s.read(ctx, what, func(q ddl.Querier) (err error) {
		found, err = queryHeaders(ctx, q, where, args...)
		return err
	})
	return found, err
}

// Run reads a run with its requests and results; those of an undecided run are as
// far as it is. It fails with ledger.ErrUnknown when there is no such run.
func (s *Store) Run(ctx context.Context, number int64) (run ledger.Run, err error) {
	err = s.read(ctx, fmt.Sprintf("look up run %d", number), func(q ddl.Querier) (err error) {
		run, err = loadRun(ctx, q, number)
		return err
	})
	return run, err
}

// RunHeader reads a run with its results and without most of its requests: those of the
// first part of an event, and those that decide about its traceparent and its share of
// calls. It fails with ledger.ErrUnknown when there is no such run.
func (s *Store) RunHeader(ctx context.Context, number int64) (run ledger.Run, err error) {
	err = s.read(ctx, fmt.Sprintf("look up the header of run %d", number), func(q ddl.Querier) error {
		found, err := queryHeaders(ctx, q, "where r.run_number = $1", number)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("run %d: %w", number, ledger.ErrUnknown)
		}
		run = found[0]
		rows, err := q.Query(ctx, someRequests, number, events.MaxPartRequests)
		if err != nil {
			return err
		}
		run.Requests, err = pgx.CollectRows(rows, scanRequest)
		return err
	})
	return run, err
}

// Runs lists the latest runs, newest first, without their requests.
func (s *Store) Runs(ctx context.Context, limit int) ([]ledger.Run, error) {
	return s.headers(ctx, "list runs", "order by r.run_number desc limit $1", limit)
}

// TenantRuns lists the latest runs of one tenant, newest first, without their requests.
func (s *Store) TenantRuns(ctx context.Context, tenant string, limit int) ([]ledger.Run, error) {
	number, err := tenantNumber(tenant)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return s.headers(ctx, "list runs", "where r.tenant_id = $2 order by r.run_number desc limit $1", limit, number)
}

// Unfinalized lists the runs without an outcome, oldest first, without their requests.
func (s *Store) Unfinalized(ctx context.Context) ([]ledger.Run, error) {
	return s.headers(ctx, "list undecided runs", "where r.state = 'running' order by r.run_number")
}

// unpublishedAtOnce bounds what Unpublished returns; what is left comes next time.
const unpublishedAtOnce = 100

// Unpublished lists the oldest decided runs whose outcome is not known to be published,
// without their requests.
func (s *Store) Unpublished(ctx context.Context) ([]ledger.Run, error) {
	return s.headers(ctx, "list unpublished outcomes",
		"where r.state <> 'running' and r.published_at is null order by r.run_number limit $1", unpublishedAtOnce)
}

// MarkPublished records that the outcome of a run is published. It fails with
// ledger.ErrUnknown when there is no such run.
func (s *Store) MarkPublished(ctx context.Context, ref ledger.Ref) error {
	return s.transact(ctx, fmt.Sprintf("mark run %d as published", ref.Number), func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, ref)
		if err != nil {
			return err
		}
		if run.State == ledger.Running {
			return errors.New("it has no outcome yet")
		}
		_, err = tx.Exec(ctx, "update raw.sync_runs set published_at = clock_timestamp() where run_number = $1 and published_at is null", ref.Number)
		return err
	})
}

// lockRun reads the bare run and keeps everybody else from storing for it or deciding
// it until the transaction ends.
func lockRun(ctx context.Context, tx pgx.Tx, ref ledger.Ref) (ledger.Run, error) {
	number := ref.Number
	if err := closeGate(ctx, tx, number); err != nil {
		return ledger.Run{}, err
	}
	rows, err := tx.Query(ctx, "select "+runColumns+" from raw.sync_runs r where r.run_number = $1 for update", number)
	if err != nil {
		return ledger.Run{}, err
	}
	found, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return ledger.Run{}, err
	}
	if len(found) == 0 {
		return ledger.Run{}, fmt.Errorf("run %d: %w", number, ledger.ErrUnknown)
	}
	return found[0], ref.Check(found[0].Ref().Execution)
}
