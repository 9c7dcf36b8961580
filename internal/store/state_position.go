package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/legacy/adoption"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// Reasons for which an incremental skips an entity.
const (
	neverSynced = "never fully synced: request a full sync first"
	onlyAdopted = "adopted, needs a full sync"
)

// requestsWithdrawn is the reason for which a refresh skips an entity.
const requestsWithdrawn = "its requests were cancelled"

// positionColumns are the columns that scanPosition reads, of raw.sync_cursors.
var positionColumns = `run_number, table_name, cursor, version, pages, fetched, inserted, updated, unchanged, deleted, rejected,
	phase, total, status, skipped_reason, differences, changes, ` + warningsSoFar + `, ` + moreWarnings + `, error, started_at, updated_at`

func scanPosition(row pgx.CollectableRow) (ledger.Position, error) {
	var p ledger.Position
	var table string
	var warnings ledger.Warnings
	err := row.Scan(&p.Run, &table, &p.Cursor, &p.Version, &p.Pages, &p.Fetched, &p.Inserted, &p.Updated, &p.Unchanged, &p.Deleted,
		&p.Rejected, &p.Phase, &p.Total, &p.Status, &p.SkippedReason, &p.Differences, &p.Changes, &warnings.Texts, &warnings.More, &p.Error, &p.StartedAt, &p.UpdatedAt)
	p.Entity, p.Warnings = entityName(table), warnings.List()
	return p, err
}

// positionsOf reads the positions of runs by run number and entity.
func positionsOf(ctx context.Context, q ddl.Querier, runs []int64) (map[int64]map[string]ledger.Position, error) {
	found, err := pgx.CollectRows(query(ctx, q, "select "+positionColumns+" from raw.sync_cursors where run_number = any($1)", runs), scanPosition)
	if err != nil {
		return nil, err
	}
	positions := map[int64]map[string]ledger.Position{}
	for _, p := range found {
		if positions[p.Run] == nil {
			positions[p.Run] = map[string]ledger.Position{}
		}
		positions[p.Run][p.Entity] = p
	}
	return positions, nil
}

// Open returns the position of a run in an entity, and creates it if there is none. A full, rebuild
// or verify begins at the start, the latter two with an empty staging table. An incremental begins at
// the resume point, or where its requests say. It and a verify are skipped with a reason if the entity was never fully synced.
// Timestamps of the legacy worker are no resume point.
//
// It fails permanently for a second tenant while an adoption is not finished, with ledger.ErrBusy
// while another full or rebuild run reads the entity, unless the run is a verify, with ledger.ErrFinalized if the run has an
// outcome, and with ledger.ErrUnknown if the execution has no such run.
func (s *Store) Open(ctx context.Context, target ledger.Target) (p ledger.Position, err error) {
	what := fmt.Sprintf("open %s for run %d", target.Entity.Name, target.Run.Number)
	var first bool // also when an earlier attempt created it and its commit was not answered
	err = s.transact(ctx, what, func(tx pgx.Tx) (err error) {
		if err := requireRunning(ctx, tx, target.Run); err != nil {
			return err
		}
		var created bool
		p, created, err = s.open(ctx, tx, target)
		first = first || created
		return err
	})
	if err == nil && first {
		s.reportEntityStart(target, p)
	}
	return p, err
}

func (s *Store) open(ctx context.Context, tx pgx.Tx, target ledger.Target) (p ledger.Position, created bool, err error) {
	if err := adoption.CheckTenants(ctx, tx, target.TenantID); err != nil {
		return p, false, err
	}
	// The check whether the entity is busy and the insert that makes it busy hold this lock.
	if err := advisoryLock(ctx, tx, fmt.Sprintf("table %s %s", target.TenantID, tableName(target.Entity))); err != nil {
		return p, false, err
	}
	positions, err := positionsOf(ctx, tx, []int64{target.Run.Number})
	if err != nil {
		return p, false, err
	}
	if p, opened := positions[target.Run.Number][target.Entity.Name]; opened {
		return p, false, nil
	}
	if mode := target.Mode.Info(); mode.ReadsAll && !mode.ReadOnly {
		if err := checkNotBusy(ctx, tx, target); err != nil {
			return p, false, err
		}
	}
	p, err = s.insertPosition(ctx, tx, target)
	return p, err == nil, err
}

// checkNotBusy fails with ledger.ErrBusy while another full or rebuild run has not finished the
// entity.
func checkNotBusy(ctx context.Context, tx pgx.Tx, target ledger.Target) error {
	var other int64
	err := tx.QueryRow(ctx, `
		select coalesce(min(c.run_number), 0) from raw.sync_cursors c join raw.sync_runs r using (run_number)
		where c.table_name = $1 and c.status = '' and c.run_number <> $2
		and r.tenant_id = $3 and r.state = 'running' and r.mode not in ('incremental', 'verify')`,
		tableName(target.Entity), target.Run.Number, target.TenantID).Scan(&other)
	if err == nil && other != 0 {
		return fmt.Errorf("run %d: %w", other, ledger.ErrBusy)
	}
	return err
}

// insertPosition creates the position of a run in an entity.
func (s *Store) insertPosition(ctx context.Context, tx pgx.Tx, target ledger.Target) (p ledger.Position, err error) {
	resume, err := lockResumePoint(ctx, tx, target)
	if err != nil {
		return p, err
	}
	start, err := s.startOf(ctx, tx, target, resume)
	if err != nil {
		return p, err
	}
	cursor, err := document(start.cursor)
	if err != nil {
		return p, err
	}
	status := events.Status("")
	if start.skipped != "" {
		status = events.StatusSkipped
	}
	mode := target.Mode.Info()
	loads := mode.ReadsAll && !mode.ReadOnly && !resume.known()
	changes, err := beginChanges(ctx, tx, target, loads)
	if err != nil {
		return p, err
	}
	if p, err = pgx.CollectExactlyOneRow(query(ctx, tx, `
		insert into raw.sync_cursors (run_number, table_name, cursor, status, skipped_reason, base_version, phase, changes, loads)
		values ($1, $2, $3, $4, $5, $6, coalesce(nullif($7, ''), 'reading'), $8, $9) returning `+positionColumns,
		target.Run.Number, tableName(target.Entity), cursor, string(status), start.skipped, resume.version, string(start.phase),
		changes, loads), scanPosition); err != nil || p.Done() {
		return p, err
	}
	if mode.Staged {
		if err := createStagingTable(ctx, tx, target); err != nil {
			return p, err
		}
	}
	return p, setStatus(ctx, tx, target, "running")
}

// positionStart is where a run begins in an entity.
type positionStart struct {
	cursor  entity.Cursor
	phase   events.Phase // "" for reading
	skipped string       // why the entity is skipped, "" if it is read
}

// startOf returns where a run begins in an entity.
func (s *Store) startOf(ctx context.Context, tx pgx.Tx, target ledger.Target, resume resumePoint) (positionStart, error) {
	start := positionStart{cursor: target.Entity.Start()}
	incremental := target.Mode == events.Incremental
	switch {
	case (incremental || target.Mode.Info().ReadOnly) && !resume.known():
		start.skipped = neverSynced
		if resume.adopted {
			start.skipped = onlyAdopted
		}
	case target.Refresh:
		return startRefresh(ctx, tx, target)
	case incremental:
		start.cursor = resume.cursor(target.Entity, s.overlap)
	}
	return start, nil
}

// setStatus sets sync_status of a table. It does nothing for a verify or refresh, and for a tenant
// that Open rejects, which has no row.
func setStatus(ctx context.Context, tx pgx.Tx, target ledger.Target, status string) error {
	if target.Mode.Info().ReadOnly || target.Refresh {
		return nil
	}
	if err := adoption.CheckTenants(ctx, tx, target.TenantID); adoption.IsTenantError(err) {
		return nil
	} else if err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		insert into raw.sync_state as s (tenant_id, table_name, sync_status) values ($1, $2, $3)
		on conflict (tenant_id, table_name) do update set sync_status = excluded.sync_status, updated_at = clock_timestamp()`,
		target.TenantID, tableName(target.Entity), status)
	return err
}

// resumePoint is where the next incremental of a table continues.
type resumePoint struct {
	token   string
	since   time.Time // the watermark
	version int64
	adopted bool // from the legacy worker

	fieldPolicy *string // of the rows, nil if there are none
}

func (r resumePoint) known() bool { return r.token != "" || !r.since.IsZero() }

// cursor returns the cursor at the resume point. With a token it also has the date, in case
// ServiceTitan no longer accepts the token.
func (r resumePoint) cursor(e entity.Entity, overlap time.Duration) entity.Cursor {
	c := e.Start()
	if !r.since.IsZero() {
		c.Since = r.since.Add(-overlap)
	}
	if c.Feed == entity.Export {
		c.Token = r.token
	}
	return c
}

// lockResumePoint reads the resume point of a table and locks it until the transaction ends.
func lockResumePoint(ctx context.Context, tx pgx.Tx, target ledger.Target) (r resumePoint, err error) {
	rows := query(ctx, tx, `
		select resume_token, resume_since, resume_version, adopted_at is not null, field_policy from raw.sync_state
		where tenant_id = $1 and table_name = $2 for update`, target.TenantID, tableName(target.Entity))
	var since *time.Time
	_, err = pgx.ForEachRow(rows, []any{&r.token, &since, &r.version, &r.adopted, &r.fieldPolicy}, func() error {
		r.since = instant(since)
		return nil
	})
	return r, err
}
