package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// eraseTimeout is the statement_timeout of an erasure, which searches tables without an index for it.
const eraseTimeout = "10min"

// Erase removes a record and those that exist only for it, with everything that the database has of them but
// raw.changes, and adds the entry to the audit trail, with the counts of the report. The report begins with what
// was removed elsewhere. Without an entry it changes nothing and returns what it would remove.
//
// With an entry it fails with ledger.EraseBlockedError while a run reads one of the tables: the run may have read
// the record before, and would store it afterwards. A run that begins later reads ServiceTitan later.
func (s *Store) Erase(ctx context.Context, what ledger.Erasure, elsewhere []ledger.ErasedPlace, entry *ledger.AuditEntry) (report ledger.EraseReport, err error) {
	err = s.eraseStep(ctx, "erase "+what.Target(), entry != nil, func(tx pgx.Tx) error {
		report = ledger.EraseReport{Places: slices.Clone(elsewhere)}
		e := erasure{Erasure: what, tx: tx, report: &report}
		if err := e.run(ctx); err != nil || entry == nil {
			return err
		}
		if len(report.Blockers) > 0 {
			return &ledger.EraseBlockedError{Blockers: report.Blockers}
		}
		recorded := *entry
		recorded.Reason = report.Summary()
		return recordAction(ctx, tx, recorded)
	})
	return report, err
}

// EraseChanges removes the changes of records, by entity, and returns their number; without apply it only counts them. The table has no index
// for it, so it is not part of Erase, which keeps pages waiting.
func (s *Store) EraseChanges(ctx context.Context, what ledger.Erasure, ids map[string][]string, apply bool) (deleted int64, err error) {
	err = s.eraseStep(ctx, "erase changes of "+what.Target(), apply, func(tx pgx.Tx) error {
		deleted = 0
		for _, name := range slices.Sorted(maps.Keys(ids)) {
			tag, err := tx.Exec(ctx, "delete from raw.changes where tenant_id = $1 and table_name = 'raw.st_' || $2::text and lower(st_id) = any($3)",
				what.TenantID, name, lowered(ids[name]))
			if err != nil {
				return err
			}
			deleted += tag.RowsAffected()
		}
		return nil
	})
	return deleted, err
}

// ForgetMessages removes the places of messages from requests. The bridge takes a message that is gone for a sign
// that NATS was restored.
func (s *Store) ForgetMessages(ctx context.Context, places []string) error {
	return s.exec(ctx, fmt.Sprintf("forget %d messages", len(places)), "update raw.sync_requests set message = '' where message = any($1)", places)
}

// ForgetDeadLetters removes what was done with dead letters that the stream does not have any more.
func (s *Store) ForgetDeadLetters(ctx context.Context, keys []ledger.DeadLetterKey) (deleted int64, err error) {
	err = s.transact(ctx, fmt.Sprintf("forget %d dead letters", len(keys)), func(tx pgx.Tx) error {
		deleted = 0
		for _, k := range keys {
			k = k.Normalized()
			tag, err := tx.Exec(ctx, "delete from raw.sync_dead_letters where sequence = $1 and rejected_at = $2", int64(k.Sequence), k.RejectedAt)
			if err != nil {
				return err
			}
			deleted += tag.RowsAffected()
		}
		return nil
	})
	return deleted, err
}

// eraseStep runs f in a transaction and, without apply, undoes what it did.
func (s *Store) eraseStep(ctx context.Context, what string, apply bool, f func(tx pgx.Tx) error) error {
	begin := s.settings.merge(settings{"statement_timeout": eraseTimeout}).txOptions()
	return s.transactWith(ctx, what, begin, func(tx pgx.Tx) error {
		savepoint, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		if err := f(savepoint); err != nil || !apply {
			return errors.Join(err, savepoint.Rollback(ctx))
		}
		return savepoint.Commit(ctx)
	})
}

// erasure is the transaction of an erasure.
type erasure struct {
	ledger.Erasure
	tx     pgx.Tx
	report *ledger.EraseReport

	present  map[string]bool     // tables that exist
	entities []entity.Entity     // of the records
	ids      map[string][]string // of the records, by entity
	mentions ledger.Mentions
}

// run removes everything, in the order of locks of this package.
func (e *erasure) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		e.findTables, e.findRecords, e.findBlockers,
		e.redactRequests, e.redactRuns, e.redactPositions, e.redactOutages,
		e.deleteRows, e.deleteStaged, e.findReferences,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// findTables finds out which tables exist.
func (e *erasure) findTables(ctx context.Context) error {
	names := make([]string, len(entity.Catalogue))
	for i, other := range entity.Catalogue {
		names[i] = tableName(other)
	}
	present, err := pgx.CollectRows(query(ctx, e.tx, "select name from unnest($1::text[]) name where to_regclass(name) is not null", names), pgx.RowTo[string])
	if err != nil {
		return err
	}
	e.present = map[string]bool{}
	for _, name := range present {
		e.present[name] = true
	}
	if !e.present[tableName(e.Entity)] {
		return fmt.Errorf("table %s does not exist in this database, want a database that lazisync migrate has prepared", tableName(e.Entity))
	}
	return nil
}

// findRecords finds the record and, from one entity to the next, the records that exist only for those found.
func (e *erasure) findRecords(ctx context.Context) error {
	e.ids = map[string][]string{}
	ids := []string{e.ID}
	if e.Entity.Key == entity.TextID { // ServiceTitan writes GUIDs in one way, people in another
		same, err := e.list(ctx, e.Entity, "lower(st_id) = lower($2) and st_id <> $2", e.ID)
		if err != nil {
			return err
		}
		ids = append(ids, same...)
	}
	if err := e.addRecords(ctx, e.Entity, ids); err != nil {
		return err
	}
	e.mentions = ledger.NewMentions(e.TenantID, e.ids)
	return nil
}

func (e *erasure) addRecords(ctx context.Context, of entity.Entity, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	e.entities, e.ids[of.Name] = append(e.entities, of), ids
	for _, id := range ids {
		e.report.Records = append(e.report.Records, ledger.ErasedRecord{Entity: of.Name, ID: id})
	}
	for _, link := range of.Dependents() {
		if !e.present[tableName(link.Entity)] {
			continue
		}
		condition, args := linkCondition(link), []any{ids}
		if link.Where != "" {
			condition += " and " + entity.EmployeeTypeColumn + " = $3"
			args = append(args, link.Where)
		}
		found, err := e.list(ctx, link.Entity, condition, args...)
		if err != nil {
			return err
		}
		if err := e.addRecords(ctx, link.Entity, found); err != nil {
			return err
		}
	}
	return nil
}

// list lists ids of rows of the tenant. Parameters begin with $2.
func (e *erasure) list(ctx context.Context, of entity.Entity, condition string, args ...any) ([]string, error) {
	return pgx.CollectRows(query(ctx, e.tx, "select st_id::text from "+tableName(of)+" where tenant_id = $1 and "+condition+" order by st_id",
		append([]any{e.TenantID}, args...)...), pgx.RowTo[string])
}

// linkCondition is the condition under which a row has one of the ids $2 in the column of a link.
func linkCondition(link entity.Link) string {
	name := ddl.Quote(link.Column.Name)
	if link.Column.Type == entity.Text {
		return "lower(" + name + ") = any(select lower(id) from unnest($2::text[]) id)"
	}
	return name + " = any($2::text[]::" + string(link.Column.Type) + "[])"
}

// deleteRows removes the rows of the records and what is known of them by table and id.
func (e *erasure) deleteRows(ctx context.Context) error {
	for _, of := range e.entities {
		if err := e.deleteRecords(ctx, of); err != nil {
			return err
		}
		for _, d := range []struct {
			place, sql string
			how        ledger.EraseEffect
		}{
			{"raw.rejected_records", "delete from raw.rejected_records where tenant_id = $1 and table_name = $2 and lower(st_id) = any($3)", ledger.EraseDeleted},
			{"raw.sync_missed", "delete from raw.sync_missed where tenant_id = $1 and table_name = $2 and lower(st_id) = any($3)", ledger.EraseDeleted},
			{"raw.sync_seen", "delete from raw.sync_seen s using raw.sync_runs r where r.run_number = s.run_number and r.tenant_id = $1 and s.table_name = $2 and lower(s.st_id) = any($3)", ledger.EraseDeleted},
			{"raw.sync_refresh_ids", "delete from raw.sync_refresh_ids s using raw.sync_runs r where r.run_number = s.run_number and r.tenant_id = $1 and s.table_name = $2 and lower(s.st_id) = any($3)", ledger.EraseDeleted},
			{"raw.schema_drift", "update raw.schema_drift d set st_id = '', example = '' from raw.sync_runs r where r.run_number = d.run_number and r.tenant_id = $1 and d.table_name = $2 and lower(d.st_id) = any($3)", ledger.EraseRedacted},
		} {
			tag, err := e.tx.Exec(ctx, d.sql, e.TenantID, tableName(of), lowered(e.ids[of.Name]))
			if err != nil {
				return fmt.Errorf("erase from %s: %w", d.place, err)
			}
			e.report.Add(d.place, d.how, tag.RowsAffected())
		}
	}
	return nil
}

// deleteRecords removes rows of records and updates the number of live rows. It locks as a page does.
func (e *erasure) deleteRecords(ctx context.Context, of entity.Entity) error {
	table := tableName(of)
	if _, err := e.tx.Exec(ctx, "select from raw.sync_state where tenant_id = $1 and table_name = $2 for update", e.TenantID, table); err != nil {
		return err
	}
	var all, live int64
	err := e.tx.QueryRow(ctx, strings.NewReplacer("TABLE", table, "KEY", ddl.KeyType(of)).Replace(`
		with gone as (delete from TABLE where tenant_id = $1 and st_id = any($2::text[]::KEY[]) returning deleted_at)
		select count(*), count(*) filter (where deleted_at is null) from gone`), e.TenantID, e.ids[of.Name]).Scan(&all, &live)
	if err != nil {
		return fmt.Errorf("erase from %s: %w", table, err)
	}
	e.report.Add(table, ledger.EraseDeleted, all)
	_, err = e.tx.Exec(ctx, "update raw.sync_state set records_count = records_count - $3 where tenant_id = $1 and table_name = $2 and $3 > 0", e.TenantID, table, live)
	return err
}
