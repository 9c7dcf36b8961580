package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sethvargo/go-retry"

	"github.com/lazi/lazisync/internal/store/ddl"
)

const (
	// fillBatch is the number of rows that one transaction fills. It holds their locks for about
	// 0.1 s.
	fillBatch = 5000

	// vacuumAfter is the share of a table's rows that are filled between two vacuums, so that
	// filling does not double the size of the table. vacuumLeast is its minimum in rows.
	vacuumAfter = 0.1
	vacuumLeast = 10 * fillBatch

	// A migration waits lockWait for an exclusive lock, pauses and retries, for about ten minutes.
	lockWait     = "200ms"
	lockPause    = time.Second
	lockAttempts = 500
)

// retryLocked runs f and retries it while other sessions hold the locks that it needs.
func (s *Store) retryLocked(ctx context.Context, table string, f func() error) error {
	first := true
	backoff := retry.WithMaxRetries(lockAttempts, retry.WithJitterPercent(50, retry.NewConstant(lockPause)))
	return retry.Do(ctx, backoff, func(ctx context.Context) error {
		err := f()
		if !isLocked(err) {
			return err
		}
		if first {
			s.log.Warn().Err(err).Str("table", table).Msg("table locked by other sessions, retrying for ten minutes")
		}
		first = false
		return retry.RetryableError(err)
	})
}

// isLocked reports whether a statement failed because of the locks of other sessions.
func isLocked(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01")
}

// lockHolders returns an error that names the sessions with locks on a table, nil for none.
func (s *Store) lockHolders(ctx context.Context, table string) error {
	var holders []string
	err := s.step(ctx, func(tx pgx.Tx) (err error) {
		holders, err = pgx.CollectRows(query(ctx, tx, `
			select distinct format('pid %s (%s, %s, in a transaction since %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'unnamed'),
				date_trunc('second', a.xact_start))
			from pg_locks l join pg_stat_activity a using (pid)
			where l.relation = to_regclass($1) and l.database = (select oid from pg_database where datname = current_database()) and l.granted and a.pid <> pg_backend_pid()
			order by 1`, table), pgx.RowTo[string])
		return err
	})
	if err != nil || len(holders) == 0 {
		return err
	}
	return fmt.Errorf("%s is locked by %s", table, strings.Join(holders, ", "))
}

// fill computes the typed columns of existing rows, in batches by key, and writes those that
// differ. It may end at any time: the next migration starts again. The trigger computes the
// columns of rows that are written meanwhile.
func (s *Store) fill(ctx context.Context, l layout) error {
	if names, _ := l.filledColumns(); len(names) == 0 {
		return s.saveFilled(ctx, l)
	}
	var estimate int64
	err := s.step(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select greatest(reltuples, 0)::bigint from pg_class where oid = to_regclass($1)", l.table).Scan(&estimate)
	})
	if err != nil {
		return err
	}
	var at fillPosition
	var read, written, sinceVacuum int64
	began, reported := time.Now(), time.Now()
	for {
		var batch filledBatch
		err := s.retryLocked(ctx, l.table, func() error {
			return s.step(ctx, func(tx pgx.Tx) (err error) {
				batch, err = l.fillBatch(ctx, tx, at)
				return err
			})
		})
		if err != nil {
			return fmt.Errorf("fill columns after %d rows: %w", read, err)
		}
		if batch.read == 0 {
			break
		}
		at, read, written, sinceVacuum = batch.last, read+batch.read, written+batch.written, sinceVacuum+batch.written
		if sinceVacuum >= max(vacuumLeast, int64(vacuumAfter*float64(estimate))) {
			s.vacuum(ctx, l.table)
			sinceVacuum = 0
		}
		if time.Since(reported) > 10*time.Second {
			s.log.Info().Str("table", l.table).Int64("rows", read).Int64("estimated_rows", max(estimate, read)).Msg("filling columns")
			reported = time.Now()
		}
	}
	if written > 0 {
		s.log.Info().Str("table", l.table).Int64("rows", read).Int64("written", written).Int64("duration_ms", time.Since(began).Milliseconds()).Msg("columns filled")
	}
	return s.saveFilled(ctx, l)
}

// saveFilled records that every row is filled, unless the definitions have changed meanwhile.
func (s *Store) saveFilled(ctx context.Context, l layout) error {
	return s.step(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update raw.sync_columns set filled_by = $3 where table_name = $1 and definitions = $2",
			l.table, definitions(l.recorded), l.casts)
		return err
	})
}

// fillPosition is the key of the last filled row. The zero value is before the first row.
type fillPosition struct {
	tenant int64
	id     string
	isSet  bool
}

// filledBatch is the result of one transaction.
type filledBatch struct {
	read, written int64
	last          fillPosition
}

// fillTemplate fills the rows after a key. Parameters, if AFTER is not empty: $1 tenant, $2 id.
const fillTemplate = `with batch as materialized (
    select tenant_id, st_id from TABLE AFTER order by tenant_id, st_id limit LIMIT
), filled as (
    update TABLE t set (NAMES) = row(VALUES)
    from batch b
    where t.tenant_id = b.tenant_id and t.st_id = b.st_id and (NAMES_OF) is distinct from (VALUES)
    returning 1
)
select (select count(*) from batch), (select count(*) from filled), tenant_id, st_id::text
from batch order by batch.tenant_id desc, batch.st_id desc limit 1`

// filledColumns returns the columns to fill and the expressions of their values. In an adopted
// table modified_on is one of them: rows that no run has changed do not have it.
func (l layout) filledColumns() (names, values []string) {
	names, values = l.assignments("t.", l.columns())
	if slices.Index(l.present, "tenant_id") > 0 {
		names = append(names, "modified_on")
		values = append(values, "case when t.run_number = 0 then coalesce(raw.modified_on(t.full_data), t.modified_on) else t.modified_on end")
	}
	return names, values
}

func (l layout) fillSQL(after bool) string {
	names, values := l.filledColumns()
	of := make([]string, len(names))
	for i, name := range names {
		of[i] = "t." + name
	}
	where := ""
	if after {
		where = "where (tenant_id, st_id) > ($1::bigint, $2::text::" + ddl.KeyType(l.entity) + ")"
	}
	return strings.NewReplacer("TABLE", l.table, "AFTER", where, "LIMIT", fmt.Sprint(fillBatch), "NAMES_OF", strings.Join(of, ", "),
		"NAMES", strings.Join(names, ", "), "VALUES", strings.Join(values, ", ")).Replace(fillTemplate)
}

// fillBatch fills the rows after a position. It forces the index of the key, since the statistics of
// a table that is being changed may be wrong.
func (l layout) fillBatch(ctx context.Context, tx pgx.Tx, at fillPosition) (b filledBatch, err error) {
	if _, err := tx.Exec(ctx, "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off"); err != nil {
		return b, err
	}
	var args []any
	if at.isSet {
		args = []any{at.tenant, at.id}
	}
	b.last.isSet = true
	err = tx.QueryRow(ctx, l.fillSQL(at.isSet), args...).Scan(&b.read, &b.written, &b.last.tenant, &b.last.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return filledBatch{}, nil
	}
	return b, err
}

// vacuum removes dead rows without waiting for locks. If it fails the table grows, and autovacuum
// removes them later.
func (s *Store) vacuum(ctx context.Context, table string) {
	err := s.withConn(ctx, func(conn *pgxpool.Conn) error { // vacuum cannot run in a transaction
		_, err := conn.Exec(ctx, "vacuum (truncate false, skip_locked) "+table)
		return err
	})
	if err != nil {
		s.log.Warn().Err(err).Str("table", table).Msg("vacuum failed, the table grows while its columns are filled")
	}
}
