package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// names returns the names of the entities of the records, tables those of their tables, patterns the regular
// expressions that find their ids in texts.
func (e *erasure) names() (names, tables, patterns []string) {
	for _, of := range e.entities {
		names, tables, patterns = append(names, of.Name), append(tables, tableName(of)), append(patterns, e.mentions.Pattern(of.Name))
	}
	return names, tables, patterns
}

// findBlockers lists the runs that may have read the records, and the requests to read them again.
func (e *erasure) findBlockers(ctx context.Context) error {
	names, _, _ := e.names()
	var number int64
	var mode events.Mode
	var workflow string
	var open bool
	var entities []string
	_, err := pgx.ForEachRow(query(ctx, e.tx, `
		select run_number, mode, workflow_id, state = 'running', array(select unnest(entities) intersect select unnest($2::text[]) order by 1) from raw.sync_runs
		where tenant_id = $1 and (state = 'running' or published_at is null) and entities && $2 order by run_number`, e.TenantID, names),
		[]any{&number, &mode, &workflow, &open, &entities}, func() error {
			text := fmt.Sprintf("the outcome of run %d is not published yet: wait, or start the bridge", number)
			if open {
				text = fmt.Sprintf("run %d (%s) reads %s: wait until it has ended, or end it with lazisync cancel %s", number, mode, strings.Join(entities, ", "), workflow)
			}
			e.report.Blockers = append(e.report.Blockers, text)
			return nil
		})
	if err != nil {
		return err
	}
	for _, of := range e.entities {
		waiting, err := pgx.CollectRows(query(ctx, e.tx, `
			select request_id from raw.sync_requests
			where tenant_id = $1 and run_number is null and $2 = any(entities) and exists (select from unnest(ids) id where lower(id) = any($3)) order by request_id`,
			e.TenantID, of.Name, lowered(e.ids[of.Name])), pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, id := range waiting {
			e.report.Blockers = append(e.report.Blockers, fmt.Sprintf("request %s waits to read it again: wait until it is served, or withdraw it with lazisync cancel %s", id, id))
		}
	}
	return nil
}

// lowered returns ids in lower case. People and ServiceTitan write GUIDs in different ways.
func lowered(ids []string) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = strings.ToLower(id)
	}
	return all
}

// redactRequests removes the ids from refreshes, and reasons that name a record.
func (e *erasure) redactRequests(ctx context.Context) error {
	for _, of := range e.entities {
		tag, err := e.tx.Exec(ctx, `
			update raw.sync_requests set
				ids = case when ids is not null then array(select id from unnest(ids) id where lower(id) <> all($3)) end,
				reason = case when reason ~ $4 then $5 else reason end
			where tenant_id = $1 and $2 = any(entities) and (reason ~ $4 or exists (select from unnest(ids) id where lower(id) = any($3)))`,
			e.TenantID, of.Name, lowered(e.ids[of.Name]), e.mentions.Pattern(of.Name), ledger.Redacted)
		if err != nil {
			return fmt.Errorf("erase from raw.sync_requests: %w", err)
		}
		e.report.Add("raw.sync_requests", ledger.EraseRedacted, tag.RowsAffected())
	}
	return nil
}

// redactRuns removes the ids from the outcomes of runs.
func (e *erasure) redactRuns(ctx context.Context) error {
	_, _, patterns := e.names()
	type run struct {
		number  int64
		results []events.Result
		failure *events.RunError
		reason  string
	}
	found, err := pgx.CollectRows(query(ctx, e.tx, `
		select run_number, results, error, reason from raw.sync_runs
		where tenant_id = $1 and state <> 'running' and (results::text ~ any($2) or error::text ~ any($2) or reason ~ any($2))
		order by run_number for update`, e.TenantID, patterns), func(row pgx.CollectableRow) (r run, err error) {
		err = row.Scan(&r.number, &r.results, &r.failure, &r.reason)
		return r, err
	})
	if err != nil {
		return err
	}
	for _, r := range found {
		changed := false
		for i := range r.results {
			changed = e.mentions.Redact(&r.results[i]) || changed
		}
		if r.failure != nil {
			changed = e.mentions.RedactError(r.failure.Entity, r.failure) || changed
		}
		if slices.ContainsFunc(e.entities, func(of entity.Entity) bool { return e.mentions.In(of.Name, r.reason) }) {
			r.reason, changed = ledger.Redacted, true
		}
		if !changed {
			continue
		}
		results, err := document(r.results)
		if err != nil {
			return err
		}
		failure, err := document(r.failure)
		if err != nil {
			return err
		}
		if _, err := e.tx.Exec(ctx, "update raw.sync_runs set results = $2, error = $3, reason = $4 where run_number = $1", r.number, results, failure, r.reason); err != nil {
			return fmt.Errorf("erase from raw.sync_runs: %w", err)
		}
		e.report.Add("raw.sync_runs", ledger.EraseRedacted, 1)
	}
	return nil
}

// redactPositions removes the ids from the positions of runs, which their outcomes are made of.
func (e *erasure) redactPositions(ctx context.Context) error {
	_, tables, patterns := e.names()
	type position struct {
		run   int64
		table string
		events.Result
	}
	found, err := pgx.CollectRows(query(ctx, e.tx, `
		select c.run_number, c.table_name, c.warnings, c.differences, c.error, c.skipped_reason from raw.sync_cursors c join raw.sync_runs r using (run_number)
		where r.tenant_id = $1 and c.table_name = any($2)
			and (array_to_string(c.warnings, ' ') ~ any($3) or c.differences::text ~ any($3) or c.error::text ~ any($3) or c.skipped_reason ~ any($3))
		order by c.run_number, c.table_name for update of c`, e.TenantID, tables, patterns), func(row pgx.CollectableRow) (p position, err error) {
		err = row.Scan(&p.run, &p.table, &p.Warnings, &p.Differences, &p.Error, &p.SkippedReason)
		p.Entity = entityName(p.table)
		return p, err
	})
	if err != nil {
		return err
	}
	for _, p := range found {
		if !e.mentions.Redact(&p.Result) {
			continue
		}
		differences, err := document(p.Differences)
		if err != nil {
			return err
		}
		failure, err := document(p.Error)
		if err != nil {
			return err
		}
		if _, err := e.tx.Exec(ctx, `
			update raw.sync_cursors set warnings = $3, differences = $4, error = $5, skipped_reason = $6 where run_number = $1 and table_name = $2`,
			p.run, p.table, p.Warnings, differences, failure, p.SkippedReason); err != nil {
			return fmt.Errorf("erase from raw.sync_cursors: %w", err)
		}
		e.report.Add("raw.sync_cursors", ledger.EraseRedacted, 1)
	}
	return nil
}

// redactOutages replaces causes of stale data that name a record.
func (e *erasure) redactOutages(ctx context.Context) error {
	_, _, patterns := e.names()
	tag, err := e.tx.Exec(ctx, "update raw.sync_outages set cause = $3 where tenant_id = $1 and cause ~ any($2)", e.TenantID, patterns, ledger.Redacted)
	if err != nil {
		return fmt.Errorf("erase from raw.sync_outages: %w", err)
	}
	e.report.Add("raw.sync_outages", ledger.EraseRedacted, tag.RowsAffected())
	return nil
}

// deleteStaged removes the records from staging tables that could not be dropped with their run. Those of open
// runs are never reached: such a run blocks the erasure.
func (e *erasure) deleteStaged(ctx context.Context) error {
	type staging struct {
		name     string
		entities []string // of its run; none if the ledger does not have it
	}
	found, err := pgx.CollectRows(query(ctx, e.tx, `
		select c.relname::text, coalesce(r.entities, '{}') from pg_class c
		left join raw.sync_runs r on r.run_number = substring(c.relname from '^run_([0-9]{1,18})')::bigint
		where c.relnamespace = to_regnamespace($2) and c.relkind = 'r' and c.relname ~ '^run_[0-9]{1,18}(_|$)' and coalesce(r.tenant_id = $1, true)
		order by 1`, e.TenantID, stagingSchema), func(row pgx.CollectableRow) (t staging, err error) {
		err = row.Scan(&t.name, &t.entities)
		return t, err
	})
	if err != nil {
		return err
	}
	for _, t := range found {
		for _, of := range e.entities {
			ofRebuild := !strings.Contains(strings.TrimPrefix(t.name, "run_"), "_") && (len(t.entities) == 0 || slices.Contains(t.entities, of.Name))
			isDiff := strings.HasSuffix(t.name, "_"+of.Name+"_diff")
			if !ofRebuild && !isDiff && !strings.HasSuffix(t.name, "_"+of.Name) {
				continue
			}
			name := stagingSchema + "." + ddl.Quote(t.name)
			statement, args := "delete from "+name+" where st_id::text = any($1)", []any{e.ids[of.Name]}
			if !isDiff {
				statement, args = statement+" and tenant_id = $2", append(args, e.TenantID)
			}
			tag, err := e.tx.Exec(ctx, statement, args...)
			if err != nil {
				return fmt.Errorf("erase from %s: %w", name, err)
			}
			e.report.Add(stagingSchema+"."+t.name, ledger.EraseDeleted, tag.RowsAffected())
		}
	}
	return nil
}

// findReferences lists the rows that refer to the record and are kept: those of other entities, and rejected
// records with an id in their bytes, whose own key may be unknown.
func (e *erasure) findReferences(ctx context.Context) error {
	for _, link := range e.Entity.References() {
		table := tableName(link.Entity)
		if !e.present[table] {
			continue
		}
		var rows int64
		err := e.tx.QueryRow(ctx, "select count(*) from "+table+" where tenant_id = $1 and "+linkCondition(link), e.TenantID, e.ids[e.Entity.Name]).Scan(&rows)
		if err != nil {
			return fmt.Errorf("find references in %s: %w", table, err)
		}
		value := e.ID
		if link.Column.Type == "text" {
			value = quoteLiteral(value)
		}
		e.addReference(table, link.Column.Name, rows, fmt.Sprintf("select st_id from %s where tenant_id = %s and %s = %s", table, e.TenantID, ddl.Quote(link.Column.Name), value))
	}
	pattern := e.mentions.Pattern(e.Entity.Name)
	var rows int64
	err := e.tx.QueryRow(ctx, "select count(*) from raw.rejected_records where tenant_id = $1 and encode(bytes, 'escape') ~ $2", e.TenantID, pattern).Scan(&rows)
	if err != nil {
		return fmt.Errorf("search raw.rejected_records: %w", err)
	}
	e.addReference("raw.rejected_records", "bytes", rows, fmt.Sprintf(
		"select run_number, table_name, st_id, reason from raw.rejected_records where tenant_id = %s and encode(bytes, 'escape') ~ %s", e.TenantID, quoteLiteral(pattern)))
	return nil
}

func (e *erasure) addReference(table, column string, rows int64, sql string) {
	if rows > 0 {
		e.report.References = append(e.report.References, ledger.EraseReference{Table: table, Column: column, ID: e.ID, Rows: rows, SQL: sql})
	}
}
