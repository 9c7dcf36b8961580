package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Finalize gives a run its outcome, once: a run that has one is returned unchanged. It waits for
// pages that are being stored, and no page is stored after it. The results follow from the
// positions of the run: an entity that was not read to its end is cancelled or failed with the
// run. A run with a failed entity is not completed but failed, with the error of that entity. The
// staging tables of a rebuild or verify are dropped. Finalize fails with ledger.ErrUnknown if the execution has
// no such run.
func (s *Store) Finalize(ctx context.Context, ref ledger.Ref, d ledger.Finalization) (run ledger.Run, err error) {
	var seen observed
	err = s.transact(ctx, fmt.Sprintf("finalize run %d as %s", ref.Number, d.State), func(tx pgx.Tx) error {
		if err := finalize(ctx, tx, ref, d, &seen); err != nil {
			return err
		}
		run, err = loadRun(ctx, tx, ref.Number)
		return err
	})
	if err == nil {
		s.reportFinish(seen, ref.Number)
	}
	return run, err
}

func finalize(ctx context.Context, tx pgx.Tx, ref ledger.Ref, d ledger.Finalization, seen *observed) error {
	switch d.State {
	case ledger.Completed, ledger.Failed, ledger.Cancelled:
	default:
		return fmt.Errorf("outcome %q: want completed, failed or cancelled", d.State)
	}
	number := ref.Number
	run, err := lockRun(ctx, tx, ref)
	if err != nil || run.State != ledger.Running {
		return err
	}
	if d.ClaimQueued && run.Mode.Info().PerTenant {
		if run.Entities, err = claimQueued(ctx, tx, run, d.ClaimUntil); err != nil {
			return err
		}
	}
	positions, err := positionsOf(ctx, tx, []int64{number})
	if err != nil {
		return err
	}
	results, d := d.Complete(resultsSoFar(run.Entities, positions[number]))
	if err := saveOutcome(ctx, tx, number, run.Entities, results, d); err != nil {
		return err
	}
	if !run.Mode.Info().ReadOnly && !run.Refresh {
		if err := finalizeTables(ctx, tx, run, results, positions[number]); err != nil {
			return err
		}
	}
	if run.Refresh {
		if err := dropRefreshIDs(ctx, tx, number); err != nil {
			return err
		}
	}
	if run.Mode.Info().Staged {
		if err := dropStagingTables(ctx, tx, number); err != nil {
			return err
		}
	}
	return observeFinish(ctx, tx, number, positions[number], seen)
}

// observeFinish notes that the transaction finalized a run.
func observeFinish(ctx context.Context, tx pgx.Tx, number int64, positions map[string]ledger.Position, seen *observed) error {
	run, err := loadHeader(ctx, tx, number)
	if err != nil {
		return err
	}
	f := finishedRun{run: run, unfinished: map[string]bool{}}
	for _, r := range run.Results {
		f.unfinished[r.Entity] = !positions[r.Entity].Done()
	}
	seen.finish(f)
	return nil
}

// claimQueued claims the queued requests for an incremental run and returns the entities of both.
func claimQueued(ctx context.Context, tx pgx.Tx, run ledger.Run, until uint64) ([]string, error) {
	queued, err := lockQueued(ctx, tx, run.TenantID, until)
	if err != nil || len(queued) == 0 {
		return run.Entities, err
	}
	return inCatalogueOrder(append(queued.entities(), run.Entities...)), claim(ctx, tx, run.Number, queued.ids())
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

// finalizeTables sets sync_status of the tables that the run was reading.
func finalizeTables(ctx context.Context, tx pgx.Tx, run ledger.Run, results []events.Result, positions map[string]ledger.Position) error {
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
	_, err := tx.Exec(ctx, `
		with ended as (
			select s.table_name, e.status from raw.sync_state s join unnest($2::text[], $3::text[]) as e (table_name, status) using (table_name)
			where s.tenant_id = $1 and s.sync_status = 'running' order by s.table_name for update of s)
		update raw.sync_state s set sync_status = e.status, updated_at = clock_timestamp()
		from ended e where s.tenant_id = $1 and s.table_name = e.table_name`, run.TenantID, tables, statuses)
	return err
}

// resultsSoFar returns one result per entity, without a status if the entity is not finished.
func resultsSoFar(entities []string, positions map[string]ledger.Position) []events.Result {
	results := make([]events.Result, len(entities))
	for i, name := range entities {
		results[i] = positions[name].Result()
		results[i].Entity = name
	}
	return results
}
