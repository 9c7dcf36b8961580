package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Missing lists ids, at most so many, of rows that a run in its phase of sweeping has
// not found and ServiceTitan was not asked for yet.
func (s *Store) MissingIDs(ctx context.Context, run int64, e entity.Entity, most int) (ids []string, err error) {
	err = s.read(ctx, fmt.Sprintf("list what run %d did not find of %s", run, e.Name), func(q ddl.Querier) error {
		rows, err := q.Query(ctx, `
			select m.st_id from raw.sync_missed m join raw.sync_runs r using (run_number, tenant_id)
			where m.run_number = $1 and m.table_name = $2 and m.absent_at is null order by m.st_id limit $3`, run, tableName(e), most)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return ids, err
}

// StoreLookup keeps the answer to a question for rows by their ids, as StorePage keeps a
// page. What was found is stored; once everything was asked for, what was not there is
// marked deleted, if the delete guard lets it.
func (s *Store) StoreLookup(ctx context.Context, tenant string, mode events.Mode, e entity.Entity, at ledger.Position, ids []string, p entity.Page) (next ledger.Position, err error) {
	what := fmt.Sprintf("store %d records of %s looked up for run %d", len(p.Records), e.Name, at.Run)
	number, err := tenantNumber(tenant)
	if err != nil {
		return next, fmt.Errorf("%s: %w", what, err)
	}
	p.Next, p.Last, p.Total = at.Cursor, true, -1
	page := pageStore{tenant: number, run: at.Run, owner: at.Owner, mode: mode, entity: e, page: p, guard: s.deleteGuard}
	var drifts []drift
	err = s.transact(ctx, what, func(tx pgx.Tx) (err error) {
		next, drifts, err = page.storeLookup(ctx, tx, at.Version, ids)
		return err
	})
	next.Owner = at.Owner
	if err == nil {
		s.warn(at.Run, e, drifts)
	}
	return next, err
}

func (s pageStore) storeLookup(ctx context.Context, tx pgx.Tx, version int64, asked []string) (next ledger.Position, drifts []drift, err error) {
	fence, err := s.lock(ctx, tx, version)
	if err != nil {
		return next, nil, err
	}
	resume, err := resumePoint(ctx, tx, s.tenant, s.entity)
	if err != nil {
		return next, nil, err
	}
	done, rejected, err := s.keep(ctx, tx)
	if err != nil {
		return next, nil, err
	}
	remaining, err := s.note(ctx, tx, asked)
	if err != nil {
		return next, nil, err
	}
	after := swept{then: events.PhaseSweeping}
	switch {
	case s.mode.Info().Staged:
		if err := s.countSide(ctx, tx, done.inserted); err != nil {
			return next, nil, err
		}
		if remaining == 0 {
			after.then = events.PhaseChecking
		}
	case remaining == 0:
		if after, err = s.markAbsent(ctx, tx, fence); err != nil {
			return next, nil, err
		}
	}
	if drifts, err = s.keepMisfits(ctx, tx, done.misfits); err != nil {
		return next, nil, err
	}
	next, err = s.conclude(ctx, tx, resume, fence, done, rejected, after)
	return next, drifts, err
}

// note records which of the ids that were asked for are absent, and returns how many
// have not been asked for yet. A record without an id in the answer may be any of them.
func (s pageStore) note(ctx context.Context, tx pgx.Tx, asked []string) (remaining int64, err error) {
	found, unidentified := s.identities()
	if unidentified > 0 {
		found = asked
	}
	_, err = tx.Exec(ctx, "delete from raw.sync_missed where tenant_id = $1 and table_name = $2 and run_number = $3 and st_id = any($4)",
		s.tenant, tableName(s.entity), s.run, found)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `update raw.sync_missed set absent_at = $5
		where tenant_id = $1 and table_name = $2 and run_number = $3 and st_id = any($4)`,
		s.tenant, tableName(s.entity), s.run, asked, s.page.Date)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `select count(*) from raw.sync_missed
		where tenant_id = $1 and table_name = $2 and run_number = $3 and absent_at is null`,
		s.tenant, tableName(s.entity), s.run).Scan(&remaining)
	return remaining, err
}

// absent are the rows that ServiceTitan did not have when asked for them, and that
// nobody has read since the run began.
const absent = `from raw.sync_missed m join TABLE kept on kept.tenant_id = m.tenant_id and kept.st_id = m.st_id::KEY
where m.tenant_id = $1 and m.run_number = $2 and m.table_name = $3 and m.absent_at is not null
    and kept.deleted_at is null and kept.fetched_at < $4`

// markAbsent marks them.
func (s pageStore) markAbsent(ctx context.Context, tx pgx.Tx, f fence) (swept, error) {
	args := []any{s.tenant, s.run, tableName(s.entity), f.watermark}
	var gone, live int64
	err := tx.QueryRow(ctx, s.sql("select (select count(*) "+absent+"), (select count(*) from TABLE where tenant_id = $1 and deleted_at is null)"), args...).
		Scan(&gone, &live)
	if err != nil {
		return swept{}, err
	}
	if refused := s.guarded("ServiceTitan does not have", gone, live, f); refused != nil {
		return swept{refused: refused}, nil
	}
	_, err = tx.Exec(ctx, s.sql("with gone as (select m.st_id, m.absent_at "+absent+`)
		update TABLE kept set deleted_at = gone.absent_at, run_number = $2 from gone
		where kept.tenant_id = $1 and kept.st_id = gone.st_id::KEY`), args...)
	if err != nil {
		return swept{}, err
	}
	_, err = tx.Exec(ctx, "delete from raw.sync_missed where tenant_id = $1 and table_name = $2", s.tenant, tableName(s.entity))
	return swept{deleted: gone}, err
}
