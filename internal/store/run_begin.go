package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// BeginRun begins a run, or returns it if it has begun before. It is one transaction and may be
// called concurrently for the same run.
//
// It first finalizes runs of the same workflow ID that an earlier execution left without an
// outcome, as failed with type Terminated. A full or rebuild run serves its request; if another
// run serves the request already, that run is returned, with or without an outcome. BeginRun
// fails with ledger.ErrUnknown if the request does not exist. An incremental run claims every
// queued request of its tenant; without any, BeginRun returns false. If the pass may wait and the
// minimum interval has not passed since the tenant's last one, it fails with a *ledger.NotDueError.
func (s *Store) BeginRun(ctx context.Context, b ledger.BeginInput) (run ledger.Run, found bool, err error) {
	var seen observed
	var wait time.Duration
	err = s.transact(ctx, fmt.Sprintf("begin run %d of %s", b.Pass, b.WorkflowID), func(tx pgx.Tx) error {
		run, found = ledger.Run{}, false
		number, left, err := beginRun(ctx, tx, b, &seen)
		wait = left
		if err != nil || number == 0 {
			return err
		}
		run, err = loadRun(ctx, tx, number)
		found = err == nil
		return err
	})
	if err == nil {
		for number := range seen.finished {
			s.reportFinish(seen, number)
		}
		s.reportStart(seen, run)
		if wait > 0 {
			err = &ledger.NotDueError{Wait: wait}
		}
	}
	return run, found, err
}

// beginRun returns the number of the run, 0 if there is nothing to do, or how long the pass has to
// wait.
func beginRun(ctx context.Context, tx pgx.Tx, b ledger.BeginInput, seen *observed) (number int64, wait time.Duration, err error) {
	if err := advisoryLock(ctx, tx, "workflow "+b.WorkflowID); err != nil {
		return 0, 0, err
	}
	past, err := executionsOf(ctx, tx, b)
	switch {
	case err != nil:
		return 0, 0, err
	case past.existing != 0:
		return past.existing, 0, nil
	case past.superseded:
		// A late call of a closed execution: a later one has begun runs.
	default:
		if err := finalizePredecessors(ctx, tx, b, seen); err != nil {
			return 0, 0, err
		}
	}
	if !b.Mode.Info().PerTenant {
		number, err = beginForRequest(ctx, tx, b, seen)
		return number, 0, err
	}
	if past.superseded {
		return 0, 0, nil
	}
	return beginForQueued(ctx, tx, b, seen)
}

// executions describes the executions of a workflow ID from the point of view of one of them.
type executions struct {
	existing   int64 // number of the run to begin, 0 if it has not begun
	superseded bool  // another execution has begun a run after this one's last
}

// executionsOf reads the executions of a workflow ID. They never overlap, so the one with the latest
// run is the latest. Withdrawn requests have pass 0 and no execution.
func executionsOf(ctx context.Context, tx pgx.Tx, b ledger.BeginInput) (x executions, err error) {
	err = tx.QueryRow(ctx, `
		select coalesce(max(run_number) filter (where first_run_id = $2 and pass = $3), 0),
			coalesce(max(run_number) filter (where first_run_id = $2) < max(run_number) filter (where first_run_id <> $2), false)
		from raw.sync_runs where workflow_id = $1 and pass > 0`,
		b.WorkflowID, b.FirstRunID, b.Pass).Scan(&x.existing, &x.superseded)
	return x, err
}

// finalizePredecessors finalizes runs of other executions of the workflow ID and of earlier passes
// that have no outcome. A pass leaves its run without one only if PostgreSQL was restored to an
// earlier state.
func finalizePredecessors(ctx context.Context, tx pgx.Tx, b ledger.BeginInput, seen *observed) error {
	numbers, err := pgx.CollectRows(query(ctx, tx, `
		select run_number from raw.sync_runs
		where workflow_id = $1 and (first_run_id <> $2 or pass < $3) and state = 'running' order by run_number`,
		b.WorkflowID, b.FirstRunID, b.Pass), pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, number := range numbers {
		err := finalize(ctx, tx, ledger.Ref{Number: number}, ledger.Finalization{State: ledger.Failed, Error: &events.RunError{
			Type: events.Terminated, Message: "the workflow began another execution or pass and left this run without an outcome",
		}}, seen)
		if err != nil {
			return fmt.Errorf("finalize predecessor run %d: %w", number, err)
		}
	}
	return nil
}

// beginForRequest begins the run of a full or rebuild request.
func beginForRequest(ctx context.Context, tx pgx.Tx, b ledger.BeginInput, seen *observed) (int64, error) {
	request, err := lockRequest(ctx, tx, b.RequestID)
	if err != nil || request.RunNumber != 0 {
		return request.RunNumber, err
	}
	number, err := insertRun(ctx, tx, b, runScope{entities: request.Entities, allowDeletes: request.AllowDeletes})
	if err != nil {
		return 0, err
	}
	seen.start(number)
	return number, claim(ctx, tx, number, []string{request.ID})
}

// beginForQueued begins an incremental run for all queued requests of one kind: refreshes, or those
// that continue from the resume points. The kind of the oldest request comes first, so that neither
// waits for more than one run of the other. It may return how long the requests have to wait instead.
func beginForQueued(ctx context.Context, tx pgx.Tx, b ledger.BeginInput, seen *observed) (number int64, wait time.Duration, err error) {
	queued, err := lockQueued(ctx, tx, b.TenantID, b.ClaimUntil)
	if err != nil || len(queued) == 0 {
		return 0, 0, err
	}
	if wait, err = untilNextPass(ctx, tx, b); err != nil || wait > 0 {
		return 0, wait, err
	}
	scope := runScope{}
	if b.Refreshes { // the workflow of an earlier version serves them as other incrementals
		oldest := slices.MinFunc(queued, func(a, b queuedRequest) int { return a.receivedAt.Compare(b.receivedAt) })
		scope.refresh = oldest.refresh
		queued = slices.DeleteFunc(queued, func(q queuedRequest) bool { return q.refresh != scope.refresh })
	}
	scope.entities = inCatalogueOrder(queued.entities())
	number, err = insertRun(ctx, tx, b, scope)
	if err != nil {
		return 0, 0, err
	}
	seen.start(number)
	return number, 0, claim(ctx, tx, number, queued.ids())
}

// untilNextPass returns how long an incremental pass has to wait, 0 if it may begin, and records when
// it may. The clock is PostgreSQL's, as that of the last pass. Withdrawn requests have pass 0.
func untilNextPass(ctx context.Context, tx pgx.Tx, b ledger.BeginInput) (wait time.Duration, err error) {
	if !b.MayWait || b.MinInterval <= 0 {
		return 0, nil
	}
	var seconds float64
	err = tx.QueryRow(ctx, `
		update raw.sync_runs set next_pass_at = started_at + make_interval(secs => $2)
		where run_number = (select max(run_number) from raw.sync_runs where workflow_id = $1 and pass > 0)
		and started_at + make_interval(secs => $2) > clock_timestamp()
		returning extract(epoch from next_pass_at - clock_timestamp())`,
		b.WorkflowID, b.MinInterval.Seconds()).Scan(&seconds)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return max(time.Duration(seconds*float64(time.Second)), time.Millisecond), err
}

// lockRequest reads a request and locks it until the transaction ends.
func lockRequest(ctx context.Context, tx pgx.Tx, id string) (ledger.Request, error) {
	found, err := queryRequests(ctx, tx, "where q.request_id = $1 for update", text(id))
	if err != nil {
		return ledger.Request{}, err
	}
	if len(found) == 0 {
		return ledger.Request{}, fmt.Errorf("request %q: %w", id, ledger.ErrUnknown)
	}
	return found[0], nil
}

// queuedRequest is an incremental request that no run has claimed.
type queuedRequest struct {
	id         string
	entities   []string
	refresh    bool
	message    string
	receivedAt time.Time
}

type queuedRequests []queuedRequest

func (all queuedRequests) ids() []string {
	ids := make([]string, len(all))
	for i, q := range all {
		ids[i] = q.id
	}
	return ids
}

// entities returns the entities of all requests, each once.
func (all queuedRequests) entities() (names []string) {
	seen := map[string]bool{}
	for _, q := range all {
		for _, name := range q.entities {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// lockQueued reads the queued requests of a tenant that were published until a time in ns, 0 for all of them,
// and locks them until the transaction ends. The request of a second pass is not queued before its time:
// served earlier, it would be no second pass.
func lockQueued(ctx context.Context, tx pgx.Tx, tenant events.TenantID, until uint64) (queuedRequests, error) {
	queued, err := pgx.CollectRows(query(ctx, tx, `
		select request_id, entities, ids is not null or since is not null, message, received_at from raw.sync_requests
		where tenant_id = $1 and mode = 'incremental' and run_number is null
		and (source <> $2 or received_at <= clock_timestamp())
		order by request_id for update`, tenant, ledger.SecondPassSource), func(row pgx.CollectableRow) (q queuedRequest, err error) {
		err = row.Scan(&q.id, &q.entities, &q.refresh, &q.message, &q.receivedAt)
		return q, err
	})
	return slices.DeleteFunc(queued, func(q queuedRequest) bool {
		return !ledger.Request{Message: q.message, ReceivedAt: q.receivedAt}.IsPublishedUntil(until)
	}), err
}

// runScope is what a run reads.
type runScope struct {
	entities     []string
	allowDeletes bool
	refresh      bool
}

func insertRun(ctx context.Context, tx pgx.Tx, b ledger.BeginInput, scope runScope) (number int64, err error) {
	err = tx.QueryRow(ctx, `
		insert into raw.sync_runs (tenant_id, mode, workflow_id, first_run_id, pass, entities, allow_deletes, refresh)
		values ($1, $2, $3, $4, $5, $6, $7, $8) returning run_number`,
		b.TenantID, b.Mode, b.WorkflowID, b.FirstRunID, b.Pass, scope.entities, scope.allowDeletes, scope.refresh).Scan(&number)
	if err != nil || b.Pause == nil {
		return number, err
	}
	return number, savePause(ctx, tx, number, *b.Pause, true)
}

// claim makes a run serve requests that the transaction has locked.
func claim(ctx context.Context, tx pgx.Tx, number int64, requestIDs []string) error {
	if err := planForMany(ctx, tx, len(requestIDs)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `update raw.sync_requests q set run_number = $1
		from unnest($2::text[]) claimed (request_id) where q.request_id = claimed.request_id`, number, requestIDs)
	return err
}

// inCatalogueOrder sorts entity names in the order of the catalogue, without duplicates. Unknown
// names come last.
func inCatalogueOrder(names []string) []string {
	var out []string
	for _, name := range append(entity.Names(), names...) {
		if slices.Contains(names, name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
