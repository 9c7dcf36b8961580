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

// runColumns are the columns that scanRun reads, of a table with alias r.
const runColumns = `r.run_number, r.tenant_id, r.mode, r.workflow_id, r.first_run_id, r.pass, r.entities, r.allow_deletes, r.refresh,
	r.state, r.started_at, r.finished_at, r.error, r.reason, r.results, r.published_at is not null,
	r.paused_at, r.paused_by, r.pause_reason, r.pause_number`

// requestSummary is the number of requests that a run serves, of a table with alias r, and the
// first of them. It reads an index.
const requestSummary = `, (select count(*) from raw.sync_requests q where q.run_number = r.run_number), (
	select jsonb_build_object('Source', q.source, 'Reason', q.reason, 'At', q.received_at)
	from raw.sync_requests q where q.run_number = r.run_number` + orderByReceived + ` limit 1)`

func scanRun(row pgx.CollectableRow) (ledger.Run, error) {
	return scanRunWith(row)
}

// scanHeader reads a run and the summary of its requests.
func scanHeader(row pgx.CollectableRow) (ledger.Run, error) {
	var count int
	var first *ledger.Requester
	r, err := scanRunWith(row, &count, &first)
	r.RequestCount = count
	if first != nil {
		r.RequestedBy = *first
	}
	return r, err
}

func scanRunWith(row pgx.CollectableRow, more ...any) (ledger.Run, error) {
	var r ledger.Run
	var finished, paused *time.Time
	var pause ledger.Pause
	err := row.Scan(append([]any{&r.Number, &r.TenantID, &r.Mode, &r.WorkflowID, &r.FirstRunID, &r.Pass, &r.Entities, &r.AllowDeletes, &r.Refresh,
		&r.State, &r.StartedAt, &finished, &r.Error, &r.Reason, &r.Results, &r.Published,
		&paused, &pause.Actor, &pause.Reason, &pause.Number}, more...)...)
	r.FinishedAt = instant(finished)
	if paused != nil && r.State == ledger.Running {
		pause.Since = *paused
		r.Pause = &pause
	}
	return r, err
}

// queryRuns reads runs with their requests. A run without an outcome has its results so far.
func queryRuns(ctx context.Context, q ddl.Querier, where string, args ...any) ([]ledger.Run, error) {
	runs, err := queryHeaders(ctx, q, where, args...)
	if err != nil || len(runs) == 0 {
		return runs, err
	}
	requests, err := queryRequests(ctx, q, "where q.run_number = any($1)"+orderByReceived, numbersOf(runs))
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

// queryHeaders reads runs without their requests, which may be ten thousand.
func queryHeaders(ctx context.Context, q ddl.Querier, where string, args ...any) ([]ledger.Run, error) {
	runs, err := pgx.CollectRows(query(ctx, q, "select "+runColumns+requestSummary+" from raw.sync_runs r "+where, args...), scanHeader)
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

// headerRequestsSQL reads the requests of a run that progress events and the sharing of API calls
// need: those of the first part of an event, the first with a traceparent, and the first with
// another source than the first request. It numbers them in place of a join, which PostgreSQL plans
// as a nested loop: it has no statistics of a new run.
const headerRequestsSQL = `
	with numbered as (select *, row_number() over first as n, first_value(source) over first as first_source
		from raw.sync_requests where run_number = $1 window first as (order by received_at, request_id)),
	marked as (select *, min(n) filter (where traceparent <> '') over () as traced,
		min(n) filter (where source <> first_source) over () as other from numbered)
	select ` + requestColumns + ` from marked q where n <= $2 or n in (traced, other)` + orderByReceived

// loadRun reads one run with its requests.
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

// listRuns runs queryHeaders in a transaction of its own.
func (s *Store) listRuns(ctx context.Context, what, where string, args ...any) ([]ledger.Run, error) {
	return readValue(ctx, s, what, func(q ddl.Querier) ([]ledger.Run, error) { return queryHeaders(ctx, q, where, args...) })
}

// Run reads a run with its requests and results, those so far if it has no outcome. It fails with
// ledger.ErrUnknown if the run does not exist.
func (s *Store) Run(ctx context.Context, number int64) (ledger.Run, error) {
	return readValue(ctx, s, fmt.Sprintf("read run %d", number), func(q ddl.Querier) (ledger.Run, error) { return loadRun(ctx, q, number) })
}

// RunHeader reads a run with its results and some of its requests: those of the first part of an
// event, and those that determine its traceparent and its share of API calls. It fails with
// ledger.ErrUnknown if the run does not exist.
func (s *Store) RunHeader(ctx context.Context, number int64) (ledger.Run, error) {
	return readValue(ctx, s, fmt.Sprintf("read the header of run %d", number), func(q ddl.Querier) (ledger.Run, error) { return loadHeader(ctx, q, number) })
}

func loadHeader(ctx context.Context, q ddl.Querier, number int64) (run ledger.Run, err error) {
	found, err := queryHeaders(ctx, q, "where r.run_number = $1", number)
	if err != nil {
		return run, err
	}
	if len(found) == 0 {
		return run, fmt.Errorf("run %d: %w", number, ledger.ErrUnknown)
	}
	run = found[0]
	run.Requests, err = pgx.CollectRows(query(ctx, q, headerRequestsSQL, number, events.MaxPartRequests), scanRequest)
	return run, err
}

// openAndLatest selects every open run, and of the others the latest $1 of a tenant or, if $2 is
// null, of all. Open runs come first, then the newest.
const openAndLatest = `
	where ($2::bigint is null or r.tenant_id = $2) and r.state = 'running' or r.run_number in (
		select run_number from raw.sync_runs
		where state <> 'running' and ($2::bigint is null or tenant_id = $2) order by run_number desc limit $1)
	order by (r.state = 'running') desc, r.run_number desc`

// Runs lists every open run and then the latest others, at most limit, newest first, without
// their requests.
func (s *Store) Runs(ctx context.Context, limit int) ([]ledger.Run, error) {
	return s.listRuns(ctx, "list runs", openAndLatest, limit, nil)
}

// TenantRuns lists the runs of one tenant as Runs does.
func (s *Store) TenantRuns(ctx context.Context, tenant events.TenantID, limit int) ([]ledger.Run, error) {
	return s.listRuns(ctx, "list runs", openAndLatest, limit, tenant)
}

// Unfinalized lists the runs without an outcome, oldest first, without their requests.
func (s *Store) Unfinalized(ctx context.Context) ([]ledger.Run, error) {
	return s.listRuns(ctx, "list runs without an outcome", "where r.state = 'running' order by r.run_number")
}

// unpublishedLimit is the maximum number of runs that Unpublished returns.
const unpublishedLimit = 100

// Unpublished lists runs whose outcome is not known to be published, oldest first, at most 100, without
// their requests. If there are more, the next call lists the next ones, and the oldest again after the last:
// outcomes that cannot be published do not keep others back.
func (s *Store) Unpublished(ctx context.Context) ([]ledger.Run, error) {
	after := s.unpublished.Load()
	found, err := s.listRuns(ctx, "list unpublished outcomes",
		"where r.state <> 'running' and r.published_at is null and r.run_number > $1 order by r.run_number limit $2", after, unpublishedLimit)
	if err != nil {
		return nil, err
	}
	after = 0
	if len(found) == unpublishedLimit {
		after = found[len(found)-1].Number
	}
	s.unpublished.Store(after)
	return found, nil
}

// MarkPublished records that the outcome of a run is published. It fails with ledger.ErrUnknown if
// the execution has no such run.
func (s *Store) MarkPublished(ctx context.Context, ref ledger.Ref) error {
	return s.transact(ctx, fmt.Sprintf("mark run %d as published", ref.Number), func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, ref)
		if err != nil {
			return err
		}
		if run.State == ledger.Running {
			return errors.New("the run has no outcome yet")
		}
		_, err = tx.Exec(ctx, "update raw.sync_runs set published_at = clock_timestamp() where run_number = $1 and published_at is null", ref.Number)
		return err
	})
}

// lockRun reads a run without requests. Until the transaction ends, no other one can write for the
// run or finalize it.
func lockRun(ctx context.Context, tx pgx.Tx, ref ledger.Ref) (ledger.Run, error) {
	number := ref.Number
	if err := lockRunExclusive(ctx, tx, number); err != nil {
		return ledger.Run{}, err
	}
	found, err := pgx.CollectRows(query(ctx, tx, "select "+runColumns+" from raw.sync_runs r where r.run_number = $1 for update", number), scanRun)
	if err != nil {
		return ledger.Run{}, err
	}
	if len(found) == 0 {
		return ledger.Run{}, fmt.Errorf("run %d: %w", number, ledger.ErrUnknown)
	}
	return found[0], ref.Check(found[0].Ref().Execution)
}
