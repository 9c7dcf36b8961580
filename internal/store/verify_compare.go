package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// A verify loads a staging table as a rebuild does and compares it with the rows twice. The first
// look finds candidates. Then ServiceTitan is read again for them, and the second look confirms those
// for which neither the row nor the record has changed. It writes no row of the table, no resume
// point and no state of the table, and takes no lock for which other runs wait.

// lockResumePoint locks the resume point of the table. A verify does not use it and locks nothing.
func (s pageStore) lockResumePoint(ctx context.Context, tx pgx.Tx) (resumePoint, error) {
	if s.Mode.Info().ReadOnly {
		return resumePoint{}, nil
	}
	return lockResumePoint(ctx, tx, s.Target)
}

// isSecondLook reports whether the page belongs to the second look of a verify.
func (s pageStore) isSecondLook(f fence) bool {
	return s.Mode.Info().ReadOnly && f.phase == events.PhaseSweeping
}

// afterLook returns what follows the last page of a verify.
func (s pageStore) afterLook() sweepResult {
	if s.again {
		return sweepResult{next: events.PhaseChecking}
	}
	return sweepResult{next: events.PhaseComparing}
}

// CompareStaged compares the rows with the staging table of a verify, records the candidates and returns the new
// position: the second look follows if there are candidates, else the end of the entity.
func (s *Store) CompareStaged(ctx context.Context, target ledger.Target, at ledger.Position) (ledger.Position, error) {
	what := fmt.Sprintf("compare %s in run %d", target.Entity.Name, target.Run.Number)
	return s.rebuildStep(ctx, what, target, at, events.PhaseComparing, func(tx pgx.Tx, staging pageStore, f fence) (ledger.Position, error) {
		if _, err := withStagedColumns(ctx, tx, staging.Entity, staging.table()); err != nil {
			return ledger.Position{}, err
		}
		if _, err := tx.Exec(ctx, "analyze "+staging.table()); err != nil {
			return ledger.Position{}, err
		}
		candidates, err := s.fillCandidates(ctx, tx, staging, f)
		if err != nil {
			return ledger.Position{}, err
		}
		step := verifyStep{phase: events.PhaseChecking}
		if candidates > 0 {
			step.phase = events.PhaseSweeping
			if step.removed, err = staging.prepareSecondLook(ctx, tx); err != nil {
				return ledger.Position{}, err
			}
			if target.ReadsAgain() && target.Entity.Export == "" {
				step.cursor = new(target.Entity.Start())
			}
		}
		return staging.moveVerify(ctx, tx, step)
	})
}

// createCandidates creates the diff table of a verify. The index finds the candidates that are still
// to be looked up.
const createCandidates = `
	create table DIFF (
		st_id KEY primary key, kind text not null, row_version text, record_digest text, fingerprint uuid,
		looked_up boolean not null default false);
	create index on DIFF (st_id) where not looked_up`

// fillCandidates creates the diff table and returns the number of candidates in it.
func (s *Store) fillCandidates(ctx context.Context, tx pgx.Tx, staging pageStore, f fence) (int64, error) {
	if _, err := tx.Exec(ctx, staging.diffSQL(createCandidates)); err != nil {
		return 0, err
	}
	look, args, err := s.look(ctx, tx, staging, f, false)
	if err != nil {
		return 0, err
	}
	tag, err := tx.Exec(ctx, staging.diffSQL("insert into DIFF (st_id, row_version, record_digest, fingerprint, kind) ")+look, args...)
	if err != nil || tag.RowsAffected() == 0 {
		return 0, err
	}
	_, err = tx.Exec(ctx, staging.diffSQL("analyze DIFF"))
	return tag.RowsAffected(), err
}

// diffSQL expands a template: DIFF is the diff table, KEY the type of st_id.
func (s pageStore) diffSQL(template string) string {
	return s.sql(strings.ReplaceAll(template, "DIFF", diffTable(s.table())))
}

// look returns the statement of a look with its arguments. The resume point is read before the rows:
// what a sync has stored since then can only make the rows newer.
func (s *Store) look(ctx context.Context, tx pgx.Tx, staging pageStore, f fence, candidates bool) (statement string, args []any, err error) {
	settled, err := s.settledBefore(ctx, tx, staging.Target)
	if err != nil {
		return "", nil, err
	}
	l, err := readLayout(ctx, tx, staging.Entity)
	if err != nil {
		return "", nil, err
	}
	columns, filled := l.comparedColumns()
	if !filled && !candidates {
		if err := staging.warn(ctx, tx, f, "typed columns were not compared: lazisync migrate has not filled new ones yet"); err != nil {
			return "", nil, err
		}
	}
	args = []any{staging.TenantID, staging.Run.Number, l.table, settled, f.unidentified == 0}
	return looks(l, columns, staging.table(), candidates), args, nil
}

// settledBefore returns the time before which a record must have changed for its row to be missing or
// stale: the next sync brings what changed later. An incremental sync of a list begins that much before
// its watermark.
func (s *Store) settledBefore(ctx context.Context, tx pgx.Tx, target ledger.Target) (time.Time, error) {
	var readAsOf time.Time
	err := tx.QueryRow(ctx, "select coalesce(read_as_of, resume_since, to_timestamp(0)) from raw.sync_state where tenant_id = $1 and table_name = $2",
		target.TenantID, tableName(target.Entity)).Scan(&readAsOf)
	if err != nil {
		return readAsOf, fmt.Errorf("read the resume point of %s: %w", target.Entity.Name, err)
	}
	return readAsOf.Add(-s.overlap), nil
}

// warn adds a warning to the position.
func (s pageStore) warn(ctx context.Context, tx pgx.Tx, f fence, text string) error {
	warnings := f.warnings.Add([]string{text})
	_, err := tx.Exec(ctx, "update raw.sync_cursors set warnings = $3, more_warnings = $4 where run_number = $1 and table_name = $2",
		s.Run.Number, tableName(s.Entity), warnings.Texts, warnings.More)
	return err
}

// finishVerify ends an entity with the differences that the second look confirms, and drops its staging
// table: a verify of many entities needs the space of a few.
func (s *Store) finishVerify(ctx context.Context, tx pgx.Tx, staging pageStore, f fence) (ledger.Position, error) {
	look, args, err := s.look(ctx, tx, staging, f, true)
	if err != nil {
		return ledger.Position{}, err
	}
	statement := strings.NewReplacer("LOOK", look, "DIFF", diffTable(staging.table()), "SAMPLE", strconv.Itoa(events.SampleSize)).Replace(confirmTemplate)
	var d events.Differences
	if err := tx.QueryRow(ctx, statement, args...).Scan(&d.Missing, &d.Extra, &d.Stale, &d.Damaged, &d.Sample); err != nil {
		return ledger.Position{}, fmt.Errorf("confirm the differences of %s: %w", staging.Entity.Name, err)
	}
	if err := dropIfPossible(ctx, tx, staging.table(), diffTable(staging.table())); err != nil {
		return ledger.Position{}, err
	}
	return staging.moveVerify(ctx, tx, verifyStep{phase: events.PhaseChecking, status: events.StatusCompleted, differences: &d})
}

// verifyStep is what a step of a verify changes in its position.
type verifyStep struct {
	phase       events.Phase
	status      events.Status
	cursor      *entity.Cursor // nil keeps it
	removed     int64          // rows of the staging table
	differences *events.Differences
}

// moveVerify moves the position after a step.
func (s pageStore) moveVerify(ctx context.Context, tx pgx.Tx, step verifyStep) (ledger.Position, error) {
	cursor, err := document(step.cursor)
	if err != nil {
		return ledger.Position{}, err
	}
	differences, err := document(step.differences)
	if err != nil {
		return ledger.Position{}, err
	}
	return pgx.CollectExactlyOneRow(query(ctx, tx, `
		update raw.sync_cursors
		set version = version + 1, phase = $3, status = $4, cursor = coalesce($5::jsonb, cursor), seen = seen - $6, differences = $7,
			updated_at = clock_timestamp()
		where run_number = $1 and table_name = $2
		returning `+positionColumns,
		s.Run.Number, tableName(s.Entity), string(step.phase), string(step.status), cursor, step.removed, differences), scanPosition)
}
