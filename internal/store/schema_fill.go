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
	// fillBatch is how many rows one transaction fills: it holds their locks for about
	// a tenth of a second.
	fillBatch = 5000

	// vacuumAfter is the share of a table's rows whose earlier versions may lie about
	// before they are cleared away, so that filling does not double the table.
	vacuumAfter = 0.1
	vacuumLeast = 10 * fillBatch

	// lockWait is how long a migration waits for an exclusive lock at a time, and
	// lockTries how often: for about ten minutes.
	lockWait  = "200ms"
	lockPause = time.Second
	lockTries = 500
)

// migration is what the steps of a migration need. Between two of them another process
// may migrate.
type migration struct{ *Store }

// within runs f in a transaction under the migration lock.
func (m migration) within(ctx context.Context, f func(tx pgx.Tx) error) error { return m.step(ctx, f) }

// retried runs f again while others hold the locks that it needs.
func (m migration) retried(ctx context.Context, table string, f func() error) error {
	first := true
	backoff := retry.WithMaxRetries(lockTries, retry.WithJitterPercent(50, retry.NewConstant(lockPause)))
	return retry.Do(ctx, backoff, func(ctx context.Context) error {
		err := f()
		if !isLocked(err) {
			return err
		}
		if first {
			m.log.Warn().Err(err).Str("table", table).Msg("others hold locks that the migration needs, retrying for ten minutes")
		}
		first = false
		return retry.RetryableError(err)
	})
}

// isLocked says whether a statement failed because of the locks of others.
func isLocked(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01")
}

// holders is an error that names the sessions that hold locks on a table.
func (m migration) holders(ctx context.Context, table string) error {
	var holders []string
	err := m.within(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select distinct format('pid %s (%s, %s, in a transaction since %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'unnamed'),
				date_trunc('second', a.xact_start))
			from pg_locks l join pg_stat_activity a using (pid)
			where l.relation = to_regclass($1) and l.database = (select oid from pg_database where datname = current_database()) and l.granted and a.pid <> pg_backend_pid()
			order by 1`, table)
		if err != nil {
			return err
		}
		holders, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil || len(holders) == 0 {
		return err
	}
	return fmt.Errorf("%s is locked by %s", table, strings.Join(holders, ", "))
}

// fill computes the typed columns of the rows that are there, a batch at a time in the
// order of their keys, and writes those that differ. It can be ended at any time: the
// next migration reads the table again from its start. What is written meanwhile is
// right already, by the table's trigger.
func (m migration) fill(ctx context.Context, l layout) error {
	if names, _ := l.filledColumns(); len(names) == 0 {
		return m.filled(ctx, l)
	}
	var estimate int64
	err := m.within(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select greatest(reltuples, 0)::bigint from pg_class where oid = to_regclass($1)", l.table).Scan(&estimate)
	})
	if err != nil {
		return err
	}
	var at fillPosition
	var read, written, unswept int64
	began, reported := time.Now(), time.Now()
	for {
		var batch filledBatch
		err := m.retried(ctx, l.table, func() error {
			return m.within(ctx, func(tx pgx.Tx) (err error) {
				batch, err = l.fillBatch(ctx, tx, at)
				return err
			})
		})
		if err != nil {
			return fmt.Errorf("fill the columns, %d rows after the start: %w", read, err)
		}
		if batch.read == 0 {
			break
		}
		at, read, written, unswept = batch.last, read+batch.read, written+batch.written, unswept+batch.written
		if unswept >= max(vacuumLeast, int64(vacuumAfter*float64(estimate))) {
			m.vacuum(ctx, l.table)
			unswept = 0
		}
		if time.Since(reported) > 10*time.Second {
			m.log.Info().Str("table", l.table).Int64("rows", read).Int64("estimated_rows", max(estimate, read)).Msg("filling columns")
			reported = time.Now()
		}
	}
	if written > 0 {
		m.log.Info().Str("table", l.table).Int64("rows", read).Int64("written", written).Int64("duration_ms", time.Since(began).Milliseconds()).Msg("columns filled")
	}
	return m.filled(ctx, l)
}

// filled records that every row follows the definitions, unless they changed since.
func (m migration) filled(ctx context.Context, l layout) error {
	return m.within(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update raw.sync_columns set filled_by = $3 where table_name = $1 and definitions = $2",
			l.table, definitions(l.recorded), l.casts)
		return err
	})
}

// fillPosition is the key of the last row that was filled; the zero value is before the first.
type fillPosition struct {
	tenant int64
	id     string
	some   bool
}

// filledBatch is what one transaction did.
type filledBatch struct {
	read, written int64
	last          fillPosition
}

// fillTemplate fills the rows after a key. Parameters: $1 tenant and $2 id, where AFTER uses them.
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

// filledColumns are the columns that are filled, and their values. Of an adopted table,
// modified_on is one: rows that no run has changed lack it.
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

// fillBatch fills the rows after a position. The index of the key leads to them, whatever
// the statistics of a table that is just being changed say.
func (l layout) fillBatch(ctx context.Context, tx pgx.Tx, at fillPosition) (b filledBatch, err error) {
	if _, err := tx.Exec(ctx, "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off"); err != nil {
		return b, err
	}
	var args []any
	if at.some {
		args = []any{at.tenant, at.id}
	}
	b.last.some = true
	err = tx.QueryRow(ctx, l.fillSQL(at.some), args...).Scan(&b.read, &b.written, &b.last.tenant, &b.last.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return filledBatch{}, nil
	}
	return b, err
}

// vacuum clears earlier versions of rows away, without keeping anyone waiting. Where it
// cannot, the table grows, and autovacuum does it later.
func (m migration) vacuum(ctx context.Context, table string) {
	err := m.acquired(ctx, func(conn *pgxpool.Conn) error { // not in a transaction
		_, err := conn.Exec(ctx, "vacuum (truncate false, skip_locked) "+table)
		return err
	})
	if err != nil {
		m.log.Warn().Err(err).Str("table", table).Msg("vacuum failed, the table grows while its columns are filled")
	}
}
