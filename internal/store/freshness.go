package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// readTimesSQL reads when each entity was last read completely. A build that does not know
// read_as_of sets only the watermark resume_since.
const readTimesSQL = `
	select coalesce(s.tenant_id, t.tenant_id), coalesce(s.entity, t.entity), s.as_of, t.since, coalesce(t.target_seconds, 0)
	from (
		select tenant_id, replace(table_name, 'raw.st_', '') as entity, greatest(read_as_of, resume_since) as as_of
		from raw.sync_state where table_name like 'raw.st\_%') s
	full join raw.sync_targets t on t.tenant_id = s.tenant_id and t.entity = s.entity
	order by 1, 2`

// ReadTimes returns how recent the data of every entity are that was read or has a target.
func (s *Store) ReadTimes(ctx context.Context) (ledger.ReadTimes, error) {
	return readValue(ctx, s, "read the freshness of entities", func(q ddl.Querier) (ledger.ReadTimes, error) { return readTimes(ctx, q) })
}

// Freshness returns the freshness of every entity that was read or has a target.
func (s *Store) Freshness(ctx context.Context) ([]ledger.Freshness, error) {
	facts, err := s.ReadTimes(ctx)
	return ledger.EvaluateFreshness(facts), err
}

func readTimes(ctx context.Context, q ddl.Querier) (facts ledger.ReadTimes, err error) {
	if err := q.QueryRow(ctx, "select clock_timestamp()").Scan(&facts.Now); err != nil {
		return facts, err
	}
	facts.Entities, err = pgx.CollectRows(query(ctx, q, readTimesSQL), func(row pgx.CollectableRow) (e ledger.ReadTime, err error) {
		var seconds int64
		var asOf, since *time.Time
		err = row.Scan(&e.TenantID, &e.Entity, &asOf, &since, &seconds)
		e.AsOf, e.TargetSince, e.Target = instant(asOf), instant(since), time.Duration(seconds)*time.Second
		return e, err
	})
	return facts, err
}

// SetTargets replaces the targets of all entities with those by tenant and entity. An entity that
// has a target already is evaluated since the same time as before.
func (s *Store) SetTargets(ctx context.Context, targets map[events.TenantID]map[string]time.Duration) error {
	type target struct {
		TenantID events.TenantID `json:"tenant_id"`
		Entity   string          `json:"entity"`
		Seconds  int64           `json:"target_seconds"`
	}
	rows := []target{}
	for tenant, entities := range targets {
		for name, age := range entities {
			if age > 0 {
				rows = append(rows, target{tenant, name, max(1, int64(age/time.Second))})
			}
		}
	}
	doc, err := document(rows)
	if err != nil {
		return err
	}
	return s.transact(ctx, "set freshness targets", func(tx pgx.Tx) error {
		if err := advisoryLock(ctx, tx, freshnessLock); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into raw.sync_targets (tenant_id, entity, target_seconds)
			select * from jsonb_to_recordset($1::jsonb) as t (tenant_id bigint, entity text, target_seconds bigint)
			on conflict (tenant_id, entity) do update set target_seconds = excluded.target_seconds`, doc); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from raw.sync_targets where (tenant_id, entity) not in (
			select tenant_id, entity from jsonb_to_recordset($1::jsonb) as t (tenant_id bigint, entity text))`, doc)
		return err
	})
}

// freshnessLock lets one bridge at a time decide which outages to open and to close.
const freshnessLock = "freshness"

// UpdateOutages opens and closes outages as ledger.UpdateOutages decides. cause returns the likely
// cause of an outage that is being opened. Several bridges may call it at the same time: each
// outage is opened and closed once.
func (s *Store) UpdateOutages(ctx context.Context, cause func(context.Context, ledger.Outage) string) error {
	decide := func(q ddl.Querier) (opened, closed []ledger.Outage, err error) {
		facts, err := readTimes(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		open, err := pgx.CollectRows(query(ctx, q, outagesSQL+" where closed_at is null"), scanOutage)
		if err != nil {
			return nil, nil, err
		}
		opened, closed = ledger.UpdateOutages(facts.Now, ledger.EvaluateFreshness(facts), open)
		return opened, closed, nil
	}
	var opened, closed []ledger.Outage
	err := s.read(ctx, "evaluate freshness", func(q ddl.Querier) (err error) {
		opened, closed, err = decide(q)
		return err
	})
	if err != nil || len(opened)+len(closed) == 0 {
		return err
	}
	causes := map[events.TenantID]string{} // by tenant; looked up outside of the transaction, since it asks Temporal
	for _, o := range opened {
		causes[o.TenantID] = cause(ctx, o)
	}
	return s.transact(ctx, "update outages", func(tx pgx.Tx) error {
		if err := advisoryLock(ctx, tx, freshnessLock); err != nil {
			return err
		}
		opened, closed, err := decide(tx)
		if err != nil {
			return err
		}
		for _, o := range opened {
			if err := insertOutage(ctx, tx, o, causes[o.TenantID]); err != nil {
				return err
			}
		}
		for _, o := range closed {
			fresh, err := document(o.FreshEntities)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "update raw.sync_outages set closed_at = $2, fresh_entities = $3 where outage_id = $1", o.ID, o.ClosedAt, fresh); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertOutage(ctx context.Context, tx pgx.Tx, o ledger.Outage, cause string) error {
	entities, err := document(o.Entities)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "insert into raw.sync_outages (outage_id, tenant_id, entities, since, cause, opened_at) values ($1, $2, $3, $4, $5, $6)",
		uuid.NewString(), o.TenantID, entities, o.Since, text(cause), o.OpenedAt)
	return err
}

// UnpublishedOutages lists the outages whose beginning or end is not known to be published, oldest
// first, at most 100.
func (s *Store) UnpublishedOutages(ctx context.Context) ([]ledger.Outage, error) {
	return readRows(ctx, s, "list unpublished outages", scanOutage, outagesSQL+`
		where stale_published_at is null or closed_at is not null and fresh_published_at is null order by opened_at, outage_id limit 100`)
}

// OpenOutages lists the outages of all tenants that are not closed, oldest first.
func (s *Store) OpenOutages(ctx context.Context) ([]ledger.Outage, error) {
	return readRows(ctx, s, "list open outages", scanOutage, outagesSQL+" where closed_at is null order by opened_at, outage_id")
}

// MarkOutagePublished records that the beginning or, with fresh, the end of an outage is published.
func (s *Store) MarkOutagePublished(ctx context.Context, id string, fresh bool) error {
	column := "stale_published_at"
	if fresh {
		column = "fresh_published_at"
	}
	return s.exec(ctx, "mark outage "+id+" as published",
		"update raw.sync_outages set "+column+" = clock_timestamp() where outage_id = $1 and "+column+" is null", id)
}

// outagesSQL selects what scanOutage reads.
const outagesSQL = `
	select outage_id, tenant_id, entities, since, cause, opened_at, closed_at, fresh_entities,
		stale_published_at is not null, fresh_published_at is not null
	from raw.sync_outages`

func scanOutage(row pgx.CollectableRow) (o ledger.Outage, err error) {
	var closed *time.Time
	err = row.Scan(&o.ID, &o.TenantID, &o.Entities, &o.Since, &o.Cause, &o.OpenedAt, &closed, &o.FreshEntities, &o.StalePublished, &o.FreshPublished)
	o.ClosedAt = instant(closed)
	return o, err
}
