package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Finalize ends a run, once: what was decided first stands and is returned. It waits
// for pages that are being stored; after it, none is. The results are what the run's
// positions say; whatever was not read to its end is cancelled or failed with the
// run, and the side table of a rebuild is dropped. A run cannot be completed with an entity that failed: it becomes failed with
// that entity's error. It fails with ledger.ErrUnknown when there is no such run of that execution.
func (s *Store) Finalize(ctx context.Context, ref ledger.Ref, d ledger.Finalization) (run ledger.Run, err error) {
	err = s.transact(ctx, fmt.Sprintf("decide run %d as %s", ref.Number, d.State), func(tx pgx.Tx) error {
		if err := decide(ctx, tx, ref, d); err != nil {
			return err
		}
		run, err = loadRun(ctx, tx, ref.Number)
		return err
	})
	return run, err
}

func decide(ctx context.Context, tx pgx.Tx, ref ledger.Ref, d ledger.Finalization) error {
	switch d.State {
	case ledger.Completed, ledger.Failed, ledger.Cancelled:
	default:
		return fmt.Errorf("decision %q: want completed, failed or cancelled", d.State)
	}
	number := ref.Number
	run, err := lockRun(ctx, tx, ref)
	if err != nil || run.State != ledger.Running {
		return err
	}
	if d.ClaimQueued && run.Mode.Info().PerTenant {
		if run.Entities, err = takeWaiting(ctx, tx, run); err != nil {
			return err
		}
	}
	positions, err := positionsOf(ctx, tx, []int64{number})
	if err != nil {
		return err
	}
	results, d := conclude(run.Entities, positions[number], d)
	if err := saveOutcome(ctx, tx, number, run.Entities, results, d); err != nil {
		return err
	}
	if err := settleTables(ctx, tx, run, results, positions[number]); err != nil || !run.Mode.Info().Staged {
		return err
	}
	return dropSideTable(ctx, tx, number)
}

// takeWaiting lets an incremental run answer the requests that wait behind it, and
// returns its entities with theirs.
func takeWaiting(ctx context.Context, tx pgx.Tx, run ledger.Run) ([]string, error) {
	tenant, err := tenantNumber(run.TenantID)
	if err != nil {
		return nil, err
	}
	waiting, err := lockWaiting(ctx, tx, tenant)
	if err != nil || len(waiting.ids) == 0 {
		return run.Entities, err
	}
	return inCatalogueOrder(append(waiting.entities, run.Entities...)), claim(ctx, tx, run.Number, waiting.ids)
}

func saveOutcome(ctx context.Context, tx pgx.Tx, number int64, entities []string, results []events.Result, d ledger.Finalization) error {
	resultsDoc, err := document(results)
	if err != nil {
		return err
	}
	errorDoc, err := document(d.Error)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update raw.sync_runs
		set state = $2, error = $3, reason = $4, entities = $5, results = $6, finished_at = clock_timestamp()
		where run_number = $1`, number, string(d.State), errorDoc, text(d.Reason), entities, resultsDoc)
	return err
}

// settleTables ends, in sync_state, what the run was reading when it was decided.
func settleTables(ctx context.Context, tx pgx.Tx, run ledger.Run, results []events.Result, positions map[string]ledger.Position) error {
	tenant, err := tenantNumber(run.TenantID)
	if err != nil {
		return err
	}
	var tables, statuses []string
	for _, r := range results {
		if p, began := positions[r.Entity]; began && !p.Done() {
			tables = append(tables, ddl.Schema+".st_"+r.Entity)
			statuses = append(statuses, string(r.Status))
		}
	}
	if len(tables) == 0 {
		return nil
	}
	_, err = tx.Exec(ctx, `
		with ended as (
			select s.table_name, e.status from raw.sync_state s join unnest($2::text[], $3::text[]) as e (table_name, status) using (table_name)
			where s.tenant_id = $1 and s.sync_status = 'running' order by s.table_name for update of s)
		update raw.sync_state s set sync_status = e.status, updated_at = clock_timestamp()
		from ended e where s.tenant_id = $1 and s.table_name = e.table_name`, tenant, tables, statuses)
	return err
}

// conclude composes the results of a run from its positions and settles how it
// ended: completed only if nothing failed, and failed never without saying why.
func conclude(entities []string, positions map[string]ledger.Position, d ledger.Finalization) ([]events.Result, ledger.Finalization) {
	results := resultsSoFar(entities, positions)
	for i := range results {
		r := &results[i]
		switch {
		case r.Status != "":
		case d.State == ledger.Cancelled:
			r.Status = events.StatusCancelled
		default:
			r.Status = events.StatusFailed
			r.Error = unread(r.Entity, d.Error)
		}
	}
	if d.State == ledger.Cancelled {
		return results, d
	}
	for _, r := range results {
		if r.Status == events.StatusFailed && (d.State == ledger.Completed || d.Error == nil) {
			d.State, d.Error = ledger.Failed, named(r)
		}
	}
	if d.State == ledger.Failed && d.Error == nil {
		d.Error = &events.RunError{Type: events.Terminated, Message: "the run was ended without saying why"}
	}
	return results, d
}

// unread is why an entity that was not read to its end failed.
func unread(name string, cause *events.RunError) *events.RunError {
	if cause == nil {
		return &events.RunError{Type: events.Terminated, Message: "the run ended before the entity was read to its end", Entity: name}
	}
	return &events.RunError{Type: cause.Type, Message: cause.Message, Entity: name}
}

// named is the error of a failed result, with the entity's name in it.
func named(r events.Result) *events.RunError {
	if r.Error == nil {
		return &events.RunError{Type: events.StoreError, Message: "the entity failed without saying why", Entity: r.Entity}
	}
	e := *r.Error
	e.Entity = r.Entity
	return &e
}

// resultsSoFar lists one result per entity; those not read to their end have no status.
func resultsSoFar(entities []string, positions map[string]ledger.Position) []events.Result {
	results := make([]events.Result, len(entities))
	for i, name := range entities {
		results[i] = positions[name].Result()
		results[i].Entity = name
	}
	return results
}
